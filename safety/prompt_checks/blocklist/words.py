"""Cuts a folded text into words, each with its place."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

# Figures and marks that are read as letters inside a word.
FIGURES: Final = {
    **dict(zip("0123456789", "oizeasgtbg", strict=True)),
    **dict(zip("@$!|€+¡¢©®§×", "asiieticcrsx", strict=True)),
}

# `(word:1.3)` and `word::2` say how strongly a word counts, not what it means.
_WEIGHT: Final = re.compile(r"::?[ ]?-?[0-9]{0,4}(?:\.[0-9]{1,4})?(?=[\s)\]},]|$)")
_CHUNK: Final = re.compile(r"[^\s,;/\\]+")
_PIECE: Final = re.compile(r"[^\W_]+")


@dataclass(frozen=True, slots=True)
class Reading:
    """A word that the `length` places from `place` on may stand for."""

    place: int
    length: int
    word: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Chunk:
    """What stands between blanks: one word, or several pieces with marks between them.

    The pieces take the places from `place` on; `offset` and `gap` count characters: where the chunk begins in
    the text, and how far it is from the one before.
    """

    text: str
    pieces: tuple[str, ...]
    place: int
    offset: int
    gap: int

    @property
    def is_spelled(self) -> bool:
        """Whether it holds single letters only."""
        return all(len(piece) == 1 for piece in self.pieces)


@dataclass(slots=True)
class SpelledRun:
    """Single letters in a row, one a place; `breaks` are where the gap between them is wider."""

    place: int
    letters: str = ""
    gap: int = 0
    breaks: list[int] = field(default_factory=lambda: [0])

    def add(self, chunk: Chunk) -> None:
        """Append a chunk's letters."""
        if self.letters:
            self.gap = self.gap or chunk.gap
            # A chunk of several letters is a word of its own.
            if chunk.gap > self.gap or len(chunk.pieces) > 1:
                self.breaks.append(len(self.letters))
        self.letters += "".join(chunk.pieces)


def strip_weights(text: str) -> str:
    """Take weights out of a folded text, keeping the words they belong to."""
    return _WEIGHT.sub(" ", text)


def cut(text: str) -> Iterator[Chunk]:
    """Cut a folded text into chunks."""
    place = end = 0
    for match in _CHUNK.finditer(text):
        chunk = match.group()
        pieces = (chunk,) if chunk in FIGURES else tuple(_PIECE.findall(chunk))
        if pieces:
            start = match.start()
            yield Chunk(text=chunk, pieces=pieces, place=place, offset=start, gap=start - end)
            place, end = place + len(pieces), match.end()


def spelled_runs(chunks: Iterable[Chunk]) -> Iterator[SpelledRun]:
    """Yield the words spelled out letter by letter."""
    run: SpelledRun | None = None
    for chunk in chunks:
        if chunk.is_spelled:
            run = run or SpelledRun(chunk.place)
            run.add(chunk)
        elif run:
            yield run
            run = None
    if run:
        yield run
