"""What each parameter's value can be, and what all of them together say."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from math import isfinite
from typing import Final

from backend.domain.errors import (
    BadInput,
    ImageCountOutOfRange,
    InvalidAspectRatio,
    InvalidParameter,
    SamplerNotSupported,
    SeedOutOfRange,
    StepsOutOfRange,
)
from backend.domain.families import FAMILY_SAMPLERS, ModelFamily, Sampler
from backend.domain.pictures import PictureUse
from backend.domain.prompts import (
    IMAGE_COUNT_MAX,
    IMAGE_COUNT_MIN,
    SEED_MAX,
    STEPS_MAX,
    STEPS_MIN,
    AspectRatio,
    LoraRef,
    WeightedPart,
)
from backend.domain.tiers import Tier
from backend.prompt.references import Mention, read_references
from backend.prompt.split import Given, unquote
from backend.prompt.typed import Typed
from backend.prompt.words import read_list

GUIDANCE_MIN, GUIDANCE_MAX = 1.0, 30.0
QUALITIES: Final = (0.25, 0.5, 1.0, 2.0, 4.0)
REPEAT_MAX: Final = 40

# Longer figures than these are out of any range, and are not worth turning into a number.
_WHOLE: Final = re.compile(r"[+-]?[0-9]{1,12}", re.ASCII)
_FIGURES: Final = re.compile(r"[+-]?[0-9]+", re.ASCII)
_DECIMAL: Final = re.compile(r"(?:[0-9]{1,3}(?:\.[0-9]{0,17})?|\.[0-9]{1,17})", re.ASCII)
_RATIO: Final = re.compile(r"([0-9]{1,5}):([0-9]{1,5})", re.ASCII)
_ODD_RATIO: Final = re.compile(
    r"([0-9]{1,3})(?:\.([0-9]{1,2}))?\s*[:xX/*\u00d7]\s*([0-9]{1,3})(?:\.([0-9]{1,2}))?", re.ASCII
)


@dataclass(frozen=True, kw_only=True)
class Parameters:
    """What was said by parameters; None is left to the request, then to the defaults.

    `said` are the parameters in the order they were written, the last of each name.
    """

    negative: tuple[WeightedPart, ...] = ()
    aspect_ratio: AspectRatio | None = None
    family: ModelFamily | None = None
    tier: Tier | None = None
    steps: int | None = None
    guidance: float | None = None
    sampler: str | None = None
    seed: int | None = None
    image_count: int | None = None
    quality: float | None = None
    stop: int | None = None
    chaos: int | None = None
    weird: int | None = None
    stylize: int | None = None
    style: str | None = None
    image_weight: float | None = None
    references: tuple[Mention, ...] = ()
    style_weight: int | None = None
    character_weight: int | None = None
    zoom: float | None = None
    repeat: int | None = None
    version: str | None = None
    loras: tuple[LoraRef, ...] = ()
    is_raw: bool = False
    is_draft: bool = False
    is_dry: bool = False
    is_same_seed: bool = False
    is_verbatim: bool = False
    is_tiled: bool = False
    said: tuple[Given, ...] = ()

    def find(self, name: str) -> Given | None:
        """Return the last mention of a parameter."""
        return next((given for given in reversed(self.said) if given.name == name), None)


def check_seed(seed: int) -> int:
    """Return the seed if it is one.

    Raises:
        SeedOutOfRange: it does not fit in 32 bits.

    """
    if not 0 <= seed <= SEED_MAX:
        raise SeedOutOfRange
    return seed


def check_steps(steps: int) -> int:
    """Return the number of steps if it can be drawn.

    Raises:
        StepsOutOfRange: it cannot.

    """
    if not STEPS_MIN <= steps <= STEPS_MAX:
        raise StepsOutOfRange(least=STEPS_MIN, most=STEPS_MAX)
    return steps


def check_image_count(count: int) -> int:
    """Return the number of pictures if one job can make as many.

    Raises:
        ImageCountOutOfRange: it cannot.

    """
    if not IMAGE_COUNT_MIN <= count <= IMAGE_COUNT_MAX:
        raise ImageCountOutOfRange(least=IMAGE_COUNT_MIN, most=IMAGE_COUNT_MAX)
    return count


def check_guidance(guidance: float) -> float:
    """Return the guidance scale if it makes sense.

    Raises:
        InvalidParameter: it does not.

    """
    if not isfinite(guidance) or not GUIDANCE_MIN <= guidance <= GUIDANCE_MAX:
        raise invalid("guidance", "a number from 1 to 30", example="7.5")
    return float(guidance)


def check_sampler(name: str, family: ModelFamily) -> Sampler:
    """Return the sampler of that name, however it is written, if the family can be drawn with it.

    Raises:
        SamplerNotSupported: it cannot.

    """
    supported = FAMILY_SAMPLERS[family]
    wanted = name.casefold().replace("-", "_").replace(" ", "_")
    for sampler in supported or tuple(Sampler):
        if sampler.value == wanted:
            return sampler
    raise SamplerNotSupported(sampler=name[:32], family=family, supported=supported)


def read_parameters(given: Sequence[Given]) -> Parameters:
    """Return what parameters say together; of most the last counts, of --seed the first.

    Raises:
        BadInput: one cannot have its value; the error points at it.

    """
    read = Parameters(said=tuple(given))
    for one in given:
        reader = _READERS.get(one.name)
        if reader is None:
            continue  # whether it can be drawn at all depends on the family
        try:
            read = reader(one, read)
        except BadInput as error:
            if error.position is None:
                at = one.value if one.value.text else one.mark
                at.blame(error)
            raise
    return read


def read_negative(value: Typed) -> tuple[WeightedPart, ...]:
    """Return the things to leave out, each once, in order.

    Raises:
        BadInput: a bracket or a weight makes no sense.

    """
    return tuple(dict.fromkeys(each.part for each in read_list(value).parts))


def _read_negative(given: Given, read: Parameters) -> Parameters:
    parts = read_negative(given.value)
    if not parts:
        raise invalid("no", "something to leave out", example="text, frames")
    return replace(read, negative=tuple(dict.fromkeys((*read.negative, *parts))))


def _read_aspect_ratio(given: Given, read: Parameters) -> Parameters:
    match = _RATIO.fullmatch(given.value.text)
    if match is None:
        error = InvalidAspectRatio(given=given.value.text or "nothing")
        nearest = _nearest_ratio(given.value.text)
        if nearest:
            error.way_out = f"Did you mean --ar {nearest}? {error.way_out}"
        raise error
    width, height = int(match[1]), int(match[2])
    try:
        return replace(read, aspect_ratio=AspectRatio(width=width, height=height))
    except InvalidAspectRatio as error:
        if width and height:
            nearest = "3:1" if width > height else "1:3"
            error.way_out = f"Did you mean --ar {nearest}? {error.way_out}"
        raise


def _nearest_ratio(text: str) -> str:
    """Return `16x9` and `1.39:1` in whole numbers with a colon; "" for what is no ratio."""
    found = _ODD_RATIO.match(text)
    if found is None:
        return ""
    width = round(100 * float(f"{found[1]}.{found[2] or 0}"))
    height = round(100 * float(f"{found[3]}.{found[4] or 0}"))
    try:
        return str(AspectRatio(width=width, height=height))
    except InvalidAspectRatio:
        return ""


def _read_seed(given: Given, read: Parameters) -> Parameters:
    seed = check_seed(_whole(given, beyond=SEED_MAX + 1, example="20"))
    return read if read.seed is not None else replace(read, seed=seed)


def _read_steps(given: Given, read: Parameters) -> Parameters:
    return replace(read, steps=check_steps(_whole(given, beyond=STEPS_MAX + 1, example="20")))


def _read_image_count(given: Given, read: Parameters) -> Parameters:
    count = check_image_count(_whole(given, beyond=IMAGE_COUNT_MAX + 1, example="4"))
    return replace(read, image_count=count)


def _read_guidance(given: Given, read: Parameters) -> Parameters:
    if not _DECIMAL.fullmatch(given.value.text):
        raise invalid("guidance", "a number from 1 to 30", example="7.5")
    return replace(read, guidance=check_guidance(float(given.value.text)))


def _read_sampler(given: Given, read: Parameters) -> Parameters:
    if not given.value.text:
        names = ", ".join(sampler.value for sampler in Sampler)
        raise invalid("sampler", f"the name of a sampler ({names})", example=Sampler.EULER_A)
    # Whether the family can be drawn with it shows when all is read.
    return replace(read, sampler=unquote(given.value))


def _read_family(given: Given, read: Parameters) -> Parameters:
    value = given.value.text.casefold()
    try:
        return replace(read, family=ModelFamily(value))
    except ValueError:
        names = [family.value for family in ModelFamily]
        nearest = get_close_matches(value[:32], names, n=1) or [ModelFamily.SDXL.value]
        raise invalid("family", f"one of {', '.join(names)}", example=nearest[0]) from None


def _read_quality(given: Given, read: Parameters) -> Parameters:
    text = given.value.text
    quality = float(text) if _DECIMAL.fullmatch(text) else -1.0
    if quality not in QUALITIES:
        nearest = min(QUALITIES, key=lambda one: abs(one - quality)) if quality >= 0 else 1.0
        raise invalid("quality", "one of .25, .5, 1, 2, 4", example=f"{nearest:g}")
    return replace(read, quality=quality)


def _read_style(given: Given, read: Parameters) -> Parameters:
    style = unquote(given.value).casefold()
    if not style:
        raise invalid("style", "the name of a style", example="raw")
    return replace(read, is_raw=True) if style == "raw" else replace(read, style=style)


def _read_version(given: Given, read: Parameters) -> Parameters:
    prefix = "niji " if given.name == "niji" else ""
    return replace(read, version=f"{prefix}{given.value.text.casefold()}".strip())


def _read_lora(given: Given, read: Parameters) -> Parameters:
    return replace(read, loras=(*read.loras, LoraRef.read(unquote(given.value))))


def _reference_reader(use: PictureUse) -> Callable[[Given, Parameters], Parameters]:
    def read_pictures(given: Given, read: Parameters) -> Parameters:
        others = tuple(one for one in read.references if one.picture.use is not use)
        return replace(read, references=(*others, *read_references(given.name, given.value, use)))

    return read_pictures


def _number_reader(field: str, least: int, most: int) -> Callable[[Given, Parameters], Parameters]:
    def read_number(given: Given, read: Parameters) -> Parameters:
        number = _whole(given, beyond=most + 1, example=str(least))
        if not least <= number <= most:
            nearest = least if number < least else most
            expected = f"a whole number from {least} to {most}"
            raise invalid(given.name, expected, example=str(nearest))
        return replace(read, **{field: number})  # type: ignore[arg-type]  # all are numbers

    return read_number


def _decimal_reader(
    field: str, least: float, most: float
) -> Callable[[Given, Parameters], Parameters]:
    def read_decimal(given: Given, read: Parameters) -> Parameters:
        text = given.value.text
        number = float(text) if _DECIMAL.fullmatch(text) else -1.0
        if not least <= number <= most:
            nearest = most if number > most else least
            expected = f"a number from {least:g} to {most:g}"
            raise invalid(given.name, expected, example=f"{nearest:g}")
        return replace(read, **{field: number})  # type: ignore[arg-type]  # all are numbers

    return read_decimal


def _flag_reader(**fields: object) -> Callable[[Given, Parameters], Parameters]:
    def read_flag(given: Given, read: Parameters) -> Parameters:
        if given.value.text:
            error = InvalidParameter(name=given.spelling, expected="no value")
            error.way_out = "Put parameters last, after all the words of the prompt."
            raise error
        return replace(read, **fields)  # type: ignore[arg-type]  # named below, each by its type

    return read_flag


def _whole(given: Given, *, beyond: int, example: str) -> int:
    text = given.value.text
    if _WHOLE.fullmatch(text):
        return int(text)
    if _FIGURES.fullmatch(text):
        return beyond
    first, _, words = text.partition(" ")
    if words and _WHOLE.fullmatch(first):
        error = InvalidParameter(name=given.name, expected="a whole number")
        error.way_out = f"Did you mean --{given.name} {first}? Parameters stand after all words."
        raise error
    raise invalid(given.name, "a whole number", example=example)


def invalid(name: str, expected: str, *, example: str) -> InvalidParameter:
    """Make the error for a value that a parameter cannot have, with one that it can."""
    error = InvalidParameter(name=name, expected=expected)
    error.way_out = f"Write for example --{name} {example}, after the words of the prompt."
    return error


_READERS: Final[dict[str, Callable[[Given, Parameters], Parameters]]] = {
    "ar": _read_aspect_ratio,
    "chaos": _number_reader("chaos", 0, 100),
    "cref": _reference_reader(PictureUse.CHARACTER),
    "cw": _number_reader("character_weight", 0, 100),
    "dry": _flag_reader(is_dry=True),
    "draft": _flag_reader(is_draft=True),
    "family": _read_family,
    "guidance": _read_guidance,
    "iw": _decimal_reader("image_weight", 0.0, 3.0),
    "lora": _read_lora,
    "n": _read_image_count,
    "niji": _read_version,
    "no": _read_negative,
    "no-translate": _flag_reader(is_verbatim=True),
    "quality": _read_quality,
    "raw": _flag_reader(is_raw=True),
    "repeat": _number_reader("repeat", 2, REPEAT_MAX),
    "sameseed": _flag_reader(is_same_seed=True),
    "sampler": _read_sampler,
    "seed": _read_seed,
    "sref": _reference_reader(PictureUse.STYLE),
    "steps": _read_steps,
    "stop": _number_reader("stop", 10, 100),
    "style": _read_style,
    "stylize": _number_reader("stylize", 0, 1000),
    "sw": _number_reader("style_weight", 0, 1000),
    "tile": _flag_reader(is_tiled=True),
    "version": _read_version,
    "weird": _number_reader("weird", 0, 3000),
    "zoom": _decimal_reader("zoom", 1.0, 2.0),
    **{tier.value: _flag_reader(tier=tier) for tier in Tier},
}
