"""The parameters that may stand after the words of a prompt, and what each of them can be."""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from difflib import get_close_matches
from math import isfinite
from typing import Final

from backend.domain.errors import (
    ImageCountOutOfRange,
    InvalidAspectRatio,
    InvalidParameter,
    SamplerNotSupported,
    SeedOutOfRange,
    StepsOutOfRange,
    UnknownParameter,
)
from backend.domain.families import FAMILY_SAMPLERS, ModelFamily, Sampler
from backend.domain.prompts import (
    IMAGE_COUNT_MAX,
    IMAGE_COUNT_MIN,
    SEED_MAX,
    STEPS_MAX,
    STEPS_MIN,
    AspectRatio,
)
from backend.domain.tiers import Tier

GUIDANCE_MIN, GUIDANCE_MAX = 1.0, 30.0

# Longer figures than these are out of any range, and are not worth turning into a number.
_WHOLE: Final = re.compile(r"[+-]?[0-9]{1,12}", re.ASCII)
_FIGURES: Final = re.compile(r"[+-]?[0-9]+", re.ASCII)
_DECIMAL: Final = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,17})?", re.ASCII)
_RATIO: Final = re.compile(r"([0-9]{1,5}):([0-9]{1,5})", re.ASCII)


@dataclass(frozen=True, kw_only=True)
class Parameters:
    """What was said by parameters; None is left to the request, then to the defaults."""

    negative: tuple[str, ...] = ()
    aspect_ratio: AspectRatio | None = None
    family: ModelFamily | None = None
    tier: Tier | None = None
    steps: int | None = None
    guidance: float | None = None
    sampler: str | None = None
    seed: int | None = None
    image_count: int | None = None


def split_terms(text: str) -> tuple[str, ...]:
    """Split a comma list into terms, each once, in order."""
    return tuple(dict.fromkeys(term for part in text.split(",") if (term := part.strip())))


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
        raise _invalid("guidance", "a number from 1 to 30", example="7.5")
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


def read_parameter(name: str, value: str, given: Parameters) -> Parameters:
    """Return what was given, with one more parameter read into it.

    Raises:
        UnknownParameter: nobody knows it.
        BadInput: it cannot have that value.

    """
    reader = _READERS.get(name.casefold())
    if reader is None:
        raise _unknown(name)
    return reader(value, given)


def is_known(name: str) -> bool:
    """Say whether there is a parameter of that name."""
    return name.casefold() in _READERS


def _read_negative(value: str, given: Parameters) -> Parameters:
    terms = split_terms(value)
    if not terms:
        raise _invalid("no", "something to leave out", example="text, frames")
    return replace(given, negative=tuple(dict.fromkeys((*given.negative, *terms))))


def _read_aspect_ratio(value: str, given: Parameters) -> Parameters:
    match = _RATIO.fullmatch(value)
    if match is None:
        raise InvalidAspectRatio(given=value or "nothing")
    ratio = AspectRatio(width=int(match[1]), height=int(match[2]))
    return replace(given, aspect_ratio=ratio)


def _read_seed(value: str, given: Parameters) -> Parameters:
    seed = check_seed(_whole("seed", value, beyond=SEED_MAX + 1))
    return given if given.seed is not None else replace(given, seed=seed)


def _read_steps(value: str, given: Parameters) -> Parameters:
    return replace(given, steps=check_steps(_whole("steps", value, beyond=STEPS_MAX + 1)))


def _read_image_count(value: str, given: Parameters) -> Parameters:
    count = check_image_count(_whole("n", value, beyond=IMAGE_COUNT_MAX + 1))
    return replace(given, image_count=count)


def _read_guidance(value: str, given: Parameters) -> Parameters:
    if not _DECIMAL.fullmatch(value):
        raise _invalid("guidance", "a number from 1 to 30", example="7.5")
    return replace(given, guidance=check_guidance(float(value)))


def _read_sampler(value: str, given: Parameters) -> Parameters:
    if not value:
        names = ", ".join(sampler.value for sampler in Sampler)
        raise _invalid("sampler", f"the name of a sampler ({names})", example=Sampler.EULER_A)
    # Whether the family can be drawn with it shows when all is read.
    return replace(given, sampler=value)


def _read_family(value: str, given: Parameters) -> Parameters:
    try:
        return replace(given, family=ModelFamily(value.casefold()))
    except ValueError:
        names = ", ".join(family.value for family in ModelFamily)
        raise _invalid("family", f"one of {names}", example=ModelFamily.SDXL) from None


def _tier_reader(tier: Tier) -> Callable[[str, Parameters], Parameters]:
    def read(value: str, given: Parameters) -> Parameters:
        if value:
            error = InvalidParameter(name=tier.value, expected="no value")
            error.way_out = "Put parameters last, after all the words of the prompt."
            raise error
        return replace(given, tier=tier)

    return read


def _whole(name: str, value: str, *, beyond: int) -> int:
    if _WHOLE.fullmatch(value):
        return int(value)
    if _FIGURES.fullmatch(value):
        return beyond
    raise _invalid(name, "a whole number", example="4" if name == "n" else "20")


def _invalid(name: str, expected: str, *, example: str) -> InvalidParameter:
    error = InvalidParameter(name=name, expected=expected)
    error.way_out = f"Write for example --{name} {example}, after the words of the prompt."
    return error


def _unknown(name: str) -> UnknownParameter:
    error = UnknownParameter(name=name, known=KNOWN)
    closest = get_close_matches(name[:32].casefold(), list(_READERS), n=1)
    if closest:
        error.way_out = f"Did you mean --{closest[0]}? {error.way_out}"
    return error


_READERS: Final[dict[str, Callable[[str, Parameters], Parameters]]] = {
    "ar": _read_aspect_ratio,
    "aspect": _read_aspect_ratio,
    "cfg": _read_guidance,
    "family": _read_family,
    "guidance": _read_guidance,
    "m": _read_family,
    "n": _read_image_count,
    "no": _read_negative,
    "sampler": _read_sampler,
    "seed": _read_seed,
    "steps": _read_steps,
    **{tier.value: _tier_reader(tier) for tier in Tier},
}
KNOWN: Final = tuple(sorted(_READERS))
