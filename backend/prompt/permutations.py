"""One text with alternatives in braces, `{red, green} bird`, to all the texts it stands for.

Before anything else is read: a brace may hold words, a weight, or half a parameter. A backslash
before a brace or, inside braces, before a comma makes it the character itself.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from math import prod
from typing import Final

from backend.domain.errors import BracketUnbalanced, PromptTooDeep, TooManyPermutations
from backend.prompt.typed import Typed, join

DEPTH_MAX: Final = 8


@dataclass(frozen=True, slots=True)
class _Choice:
    """Alternatives, each a sequence of literal texts and further choices."""

    options: tuple["_Sequence", ...]


_Sequence = tuple["Typed | _Choice", ...]


def expand(text: Typed, *, most: int) -> list[Typed]:
    """Return all texts that it stands for, the last brace turning fastest; one if it has none.

    Raises:
        BracketUnbalanced: a brace is never closed.
        PromptTooDeep: braces inside braces inside braces…
        TooManyPermutations: there are more than `most`; none is made then.

    """
    if "{" not in text.text:
        return [text]
    items = _Reader(text).read()
    count = _count(items)
    if count > most:
        place = text.text.index("{")
        raise text.blame(TooManyPermutations(count=count, limit=most), place)
    return [join(pieces, of=text).strip() for pieces in _spell_out(items)]


class _Reader:
    """Reads a text once, from left to right."""

    def __init__(self, text: Typed) -> None:
        self._text = text
        self._at = 0

    def read(self) -> _Sequence:
        """Return the whole text as literal texts and choices."""
        return self._read_sequence(depth=0)

    def _read_sequence(self, *, depth: int) -> _Sequence:
        """Read up to what ends an alternative, or the text."""
        items: list[Typed | _Choice] = []
        begin = self._at
        text = self._text.text
        while self._at < len(text):
            character = text[self._at]
            if character == "\\":
                self._at += 2
            elif character == "{":
                items.append(self._text.cut(begin, self._at))
                items.append(self._read_choice(depth=depth + 1))
                begin = self._at
            elif depth and character in ",}":
                break
            else:
                self._at += 1
        self._at = min(self._at, len(text))
        items.append(self._text.cut(begin, self._at))
        return _strip(items) if depth else tuple(items)

    def _read_choice(self, *, depth: int) -> _Choice:
        opened = self._at
        if depth > DEPTH_MAX:
            raise self._text.blame(PromptTooDeep(limit=DEPTH_MAX), opened)
        options = []
        while True:
            self._at += 1
            options.append(self._read_sequence(depth=depth))
            if self._at >= len(self._text.text):
                raise self._text.blame(BracketUnbalanced(bracket="{", closing="}"), opened)
            if self._text.text[self._at] == "}":
                self._at += 1
                return _Choice(tuple(options))


def _strip(items: list[Typed | _Choice]) -> _Sequence:
    """Take the blanks around an alternative away: they set it apart from the comma."""
    first, last = items[0], items[-1]
    if len(items) == 1 and isinstance(first, Typed):
        return (first.strip(),)
    if isinstance(first, Typed):
        items[0] = first.cut(len(first.text) - len(first.text.lstrip()))
    if isinstance(last, Typed):
        items[-1] = last.cut(0, len(last.text.rstrip()))
    return tuple(items)


def _count(items: _Sequence) -> int:
    choices = (item for item in items if isinstance(item, _Choice))
    return prod(sum(_count(option) for option in choice.options) for choice in choices)


def _spell_out(items: _Sequence) -> Iterator[list[Typed]]:
    each = [
        [[item]]
        if isinstance(item, Typed)
        else [pieces for option in item.options for pieces in _spell_out(option)]
        for item in items
    ]
    for chosen in product(*each):
        yield [piece for pieces in chosen for piece in pieces]
