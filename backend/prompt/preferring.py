"""Puts an account's saved options and suffix into its prompts, and judges what may be one."""

import re
from typing import Final

from backend.domain.errors import InvalidOption
from backend.domain.preferences import OPTIONS_MAX, VALUE_MAX_CHARACTERS, Preferences
from backend.prompt.parameters import Parameters, read_parameters
from backend.prompt.spellings import find
from backend.prompt.split import DASHES, Given, split
from backend.prompt.typed import Typed, clean, join, must_be_short

_NAME: Final = re.compile(r"[a-z][a-z0-9_-]{0,31}", re.ASCII)
# What a prompt says of these comes on top of what a suffix does.
_ADDED_UP: Final = frozenset({"no", "lora"})
# Of one prompt alone, and not of all.
_NEVER_SAVED: Final = frozenset({"dry", "repeat"})
_TIERS: Final = frozenset({"turbo", "fast", "relax"})
_MODELS: Final = frozenset({"family", "version", "niji"})
# Which field of a request says the same as a parameter.
_FIELDS: Final = {
    "ar": "aspect_ratio",
    "n": "image_count",
    **dict.fromkeys(("seed", "steps", "guidance", "sampler"), ""),
    **dict.fromkeys(_MODELS, "family"),
    **dict.fromkeys(_TIERS, "tier"),
}


def spell_out(text: Typed, preferences: Preferences) -> Typed:
    """Return a prompt with its saved options replaced by what they stand for.

    All that an option stands for is where its name was typed.
    """
    if not preferences.options:
        return text
    pieces: list[Typed] = []
    at = 0
    for mark in DASHES.finditer(text.text):
        value = preferences.options.get(mark[2].casefold())
        is_word = mark.start() == 0 or text.text[mark.start() - 1] == " "
        if value is None or not is_word or find(mark[2]):
            continue
        place = text.place(mark.start())
        pieces += [
            text.cut(at, mark.start()),
            Typed(value, [place] * len(value), text.whole, text.end),
        ]
        at = mark.end()
    return must_be_short(join([*pieces, text.cut(at)], of=text))


def suffix_of(
    preferences: Preferences, said: tuple[Given, ...], fields: Parameters
) -> tuple[Given, ...]:
    """Return the suffix's parameters of which neither the prompt nor a field says anything."""
    if not preferences.suffix:
        return ()
    names = {_kind(one.name) for one in said}
    return tuple(
        one
        for one in split(clean(preferences.suffix)).given
        if one.name in _ADDED_UP or (_kind(one.name) not in names and not _is_set(fields, one.name))
    )


def check_option(name: str, value: str, preferences: Preferences) -> tuple[str, str]:
    """Return an option's name and value as they are kept; an empty value takes it away.

    Raises:
        InvalidOption: it cannot be one.
        BadInput: its value is not of parameters, or one of them cannot be read.

    """
    folded = name.strip().removeprefix("--").casefold()
    if not _NAME.fullmatch(folded):
        raise InvalidOption("A name is up to 32 letters, figures and dashes, a letter first.")
    if find(folded):
        raise InvalidOption(f"--{folded} has a meaning already.")
    cleaned = check_parameters(value)
    if cleaned and folded not in preferences.options and len(preferences.options) >= OPTIONS_MAX:
        raise InvalidOption(f"There are {OPTIONS_MAX} options already.")
    return folded, cleaned


def check_parameters(value: str) -> str:
    """Return parameters that may be kept, in clean text.

    Raises:
        InvalidOption: there are words among them, or what is of one prompt alone.
        BadInput: one of them cannot be read.

    """
    text = clean(value)
    if len(text.text) > VALUE_MAX_CHARACTERS:
        raise InvalidOption(f"At most {VALUE_MAX_CHARACTERS} characters are kept.")
    read = split(text)
    if read.words.text or read.links:
        raise text.blame(InvalidOption("Only parameters can be saved, no words."))
    for one in read.given:
        if one.name in _NEVER_SAVED:
            raise one.mark.blame(InvalidOption(f"--{one.name} is of one prompt and not saved."))
    read_parameters(read.given)
    return text.text


def _kind(name: str) -> str:
    """Return by what a parameter is overridden: a tier by any, a model by any."""
    return "tier" if name in _TIERS else "family" if name in _MODELS else name


def _is_set(fields: Parameters, name: str) -> bool:
    field = _FIELDS.get(name)
    return field is not None and getattr(fields, field or name) is not None
