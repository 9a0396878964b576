"""Cuts a folded text into words, each with its place."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Final

# Figures and marks that are read as letters inside a word.
FIGURES: Final = {
    **dict(zip("0123456789", "oizeasgtbg", strict=True)),
    **dict(zip("@$!|€+¡¢©®§\u00d7", "asiieticcrsx", strict=True)),
}

_WIDEST_GAP: Final = 1_000_000
DECODE: Final = str.maketrans(FIGURES)

# `(word:1.3)` and `word::2` say how strongly a word counts, not what it means.
_WEIGHT: Final = re.compile(r"::?[ ]?-?[0-9]{0,4}(?:\.[0-9]{1,4})?(?=[\s)\]},]|$)")
_CHUNK: Final = re.compile(r"[^\s,;/\\]+")
_PIECE: Final = re.compile(r"(?:[^\W_]|[\u0900-\u0eff])+")


@dataclass(frozen=True, slots=True)
class Reading:
    """A word that the `length` places from `place` on may stand for."""

    place: int
    length: int
    word: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Chunk:
    """What stands between blanks: one word, or several pieces with marks between them.

    The pieces take the places from `place` on; `offset` and `gap` count characters: where the chunk
    begins in the text, and how far it is from the one before.
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
    """Single letters in a row, one a place; `gaps` say where a chunk began, how far off."""

    place: int
    letters: str = ""
    gaps: list[tuple[int, int]] = field(default_factory=list)

    def add(self, chunk: Chunk) -> None:
        """Append a chunk's letters."""
        if self.letters:
            # Letters held together by marks are a word of their own, however near the next are.
            gap = chunk.gap if len(chunk.pieces) == 1 else _WIDEST_GAP
            self.gaps.append((len(self.letters), gap))
        self.letters += "".join(chunk.pieces)

    def words(self) -> list[str]:
        """Cut the letters where the gap is wider than the narrowest."""
        narrowest = min((gap for _, gap in self.gaps if gap < _WIDEST_GAP), default=0)
        bounds = [0, *(at for at, gap in self.gaps if gap > narrowest), len(self.letters)]
        return [self.letters[first:last] for first, last in pairwise(bounds)]


def strip_weights(text: str) -> str:
    """Blank weights out of a folded text, keeping the words they belong to and their places."""
    return _WEIGHT.sub(lambda weight: " " * len(weight.group()), text)


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
