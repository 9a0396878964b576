"""Text that knows where each of its characters stood in what somebody typed.

It is cleaned, cut and put together anew on its way; an error still points at the right character.
"""

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar

from backend.domain.errors import BadInput, PromptTooLong
from backend.domain.prompts import PROMPT_MAX_CHARACTERS

# Characters that turn the direction of what follows; they have no place in a prompt.
_TURNS: Final = frozenset(
    "\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff"
)
BadInputT = TypeVar("BadInputT", bound=BadInput)


@dataclass(frozen=True, slots=True)
class Typed:
    """A text; `places` are its characters' in `whole`, which was typed, and `end` is behind it."""

    text: str
    places: Sequence[int]
    whole: str
    end: int

    def cut(self, begin: int, end: int | None = None) -> "Typed":
        """Return the characters from `begin` up to, not including, `end`."""
        end = len(self.text) if end is None else end
        behind = self.places[end] if end < len(self.text) else self.end
        return Typed(self.text[begin:end], self.places[begin:end], self.whole, behind)

    def strip(self) -> "Typed":
        """Return it without blanks at either end."""
        begin = len(self.text) - len(self.text.lstrip())
        return self.cut(begin, max(begin, len(self.text.rstrip())))

    def place(self, index: int) -> int:
        """Return where in what was typed a character stood; behind all, where the text ended."""
        return self.places[index] if index < len(self.places) else self.end

    def blame(self, error: BadInputT, index: int = 0) -> BadInputT:
        """Have an error point at one of the characters, and return it."""
        error.at(self.place(index), typed=self.whole)
        return error


def join(pieces: Iterable[Typed], *, of: Typed) -> Typed:
    """Return pieces of one text as a text."""
    parts = list(pieces)
    places = [place for part in parts for place in part.places]
    return Typed("".join(part.text for part in parts), places, of.whole, of.end)


def clean(typed: str) -> Typed:
    """Fold all blanks to single ones, and leave out what cannot be seen or sent.

    Raises:
        PromptTooLong: more is left than is read.

    """
    kept: list[str] = []
    places: list[int] = []
    for place, character in enumerate(typed):
        seen = _clean_character(character)
        if seen == "" or (seen == " " and (not kept or kept[-1] == " ")):
            continue
        kept.append(seen)
        places.append(place)
    if kept and kept[-1] == " ":
        kept.pop()
        places.pop()
    return must_be_short(Typed("".join(kept), places, typed, len(typed)))


def must_be_short(text: Typed) -> Typed:
    """Return a text that is not too long to be read.

    Raises:
        PromptTooLong: it is.

    """
    if len(text.text) > PROMPT_MAX_CHARACTERS:
        error = PromptTooLong(characters=len(text.text), limit=PROMPT_MAX_CHARACTERS)
        raise text.blame(error, PROMPT_MAX_CHARACTERS)
    return text


def _clean_character(character: str) -> str:
    if character.isspace():
        return " "
    if character in _TURNS:
        return ""
    match unicodedata.category(character):
        case "Cc":
            return " "
        case "Cs":
            return ""
        case _:
            return character
