"""Cuts hashes into pieces and keeps a table of each: whose piece it is.

A cut gives each piece a radius, and the radii plus one come to 32 together. So two hashes at most
31 bits apart have a piece that differs by no more than its radius: were all of them further apart,
32 bits would differ. Under a piece and its neighbours stands all that can be near.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from typing import Final

import numpy as np
from numpy.typing import NDArray

_WORD_BITS: Final = 64
_LOW_BITS: Final = 16


@dataclass(frozen=True)
class Piece:
    """`length` bits from the bit `begin` on; near ones differ by at most `radius` of them."""

    begin: int
    length: int
    radius: int

    def of(self, words: NDArray[np.uint64]) -> NDArray[np.uint32]:
        """Take the piece out of hashes, (n, 4) words."""
        word, bit = divmod(self.begin, _WORD_BITS)
        taken = words[:, word] >> np.uint64(bit)
        if bit + self.length > _WORD_BITS:
            taken |= words[:, word + 1] << np.uint64(_WORD_BITS - bit)
        taken &= np.uint64((1 << self.length) - 1)
        return taken.astype(np.uint32)


def _cut(*lengths_and_radii: tuple[int, int]) -> tuple[Piece, ...]:
    pieces, begin = [], 0
    for length, radius in lengths_and_radii:
        pieces.append(Piece(begin, length, radius))
        begin += length
    return tuple(pieces)


# Looks up 272 pieces, under which 42 of ten thousand hashes stand; its tables take 4 MB.
SHORT_CUT: Final = _cut(*[(16, 1)] * 16)
# Looks up 2,032 pieces, under which 7 of ten thousand hashes stand; its tables take 134 MB.
LONG_CUT: Final = _cut(*[(22, 2)] * 4, *[(21, 2)] * 4, *[(21, 1)] * 4)
# What a cut is good for. Searched for by fewer bits, a radius of 0 finds it where pieces are more.
REACH: Final = 31


class Table:
    """The rows of all hashes in the order of one piece, and where each value of it begins."""

    def __init__(self, piece: Piece, words: NDArray[np.uint64]) -> None:
        """Sort `words`, (n, 4), by the piece; 4 bytes for each, and for each value."""
        self._piece = piece
        values = piece.of(words)
        self._rows = _order(values)
        self._begins = np.zeros((1 << piece.length) + 1, dtype=np.uint32)
        counts = np.bincount(values, minlength=1 << piece.length)
        self._begins[1:] = np.cumsum(counts)

    @property
    def size_bytes(self) -> int:
        """How much memory it takes."""
        return self._rows.nbytes + self._begins.nbytes

    def under(
        self, sought: NDArray[np.uint64], radius: int
    ) -> tuple[NDArray[np.uint32], NDArray[np.intp]]:
        """Return the rows whose piece is near that of any sought (n, 4), and whose each is."""
        values = self._piece.of(sought)[:, None] ^ _changes(self._piece.length, radius)
        begins = self._begins[values].astype(np.intp)
        counts = self._begins[values + np.uint32(1)] - begins
        whose = np.repeat(np.arange(len(sought)), counts.sum(axis=1))
        return self._rows[_spans(begins.ravel(), counts.ravel())], whose


def _spans(begins: NDArray[np.intp], counts: NDArray[np.intp]) -> NDArray[np.intp]:
    """Return all places of several spans, one after the other."""
    before = np.cumsum(counts) - counts
    places: NDArray[np.intp] = np.repeat(begins - before, counts)
    places += np.arange(len(places))
    return places


def _order(values: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """Return the rows that sort values of at most 32 bits: numpy sorts 16 at a time the fastest."""
    rows = np.argsort(values.astype(np.uint16), kind="stable").astype(np.uint32)
    high = (values >> np.uint32(_LOW_BITS)).astype(np.uint16)
    if not high.any():
        return rows
    return rows[np.argsort(high[rows], kind="stable")]


@lru_cache
def _changes(length: int, radius: int) -> NDArray[np.uint32]:
    """Return what changes at most `radius` of so many bits, nothing included."""
    return np.array(list(_masks(range(length), radius)), dtype=np.uint32)


def _masks(bits: Sequence[int], radius: int) -> Iterator[int]:
    for count in range(radius + 1):
        for chosen in combinations(bits, count):
            yield sum(1 << bit for bit in chosen)
