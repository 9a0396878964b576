"""Finds hashes near one among many, exactly: what is within the distance is never missed.

`pieces.py` says why looking up pieces finds them all. What they lead to is compared in full.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from safety.fingerprint.pdq import BYTES, MATCH_DISTANCE, Fingerprint
from safety.fingerprint.pieces import LONG_CUT, REACH, SHORT_CUT, Piece, Table

# Up to so many hashes, comparing them all is as fast as looking up, and needs no tables.
_SCANNED_UP_TO: Final = 4_000
# From so many on, the long cut is faster by more than its tables are worth.
_LONG_FROM: Final = 4_000_000
# So many are sought at a time: what they lead to fits into a processor's cache.
_AT_ONCE: Final = 16
_WORDS: Final = BYTES // 8


@dataclass(frozen=True, order=True)
class Match:
    """A hash that is near: how many bits away, and which row of the index."""

    distance: int
    row: int


class HashIndex:
    """An index over hashes of 32 bytes. It does not change; safe to ask from several threads."""

    def __init__(self, hashes: NDArray[np.uint8], *, cut: Sequence[Piece] | None = None) -> None:
        """Take `hashes`, (n, 32) bytes: at most 2³² of them; some 96 bytes of memory for each.

        `cut` says how they are looked up, by default as suits their number.

        Raises:
            ValueError: they are not of that shape.

        """
        if hashes.ndim != 2 or hashes.shape[1] != BYTES or hashes.dtype != np.uint8:
            raise ValueError(f"an index is made of (n, {BYTES}) bytes, not of {hashes.shape}")
        self._hashes = np.ascontiguousarray(hashes)
        self._words = self._hashes.view(np.uint64)
        self._cut = _cut_for(len(hashes)) if cut is None else tuple(cut)
        self._tables = tuple(Table(piece, self._words) for piece in self._cut)

    @classmethod
    def of(cls, hashes: Iterable[bytes]) -> "HashIndex":
        """Make an index of hashes, rows in their order."""
        together = np.frombuffer(b"".join(hashes), dtype=np.uint8)
        return cls(together.reshape(-1, BYTES))

    def __len__(self) -> int:
        return len(self._hashes)

    def hash_of(self, row: int) -> bytes:
        """Return the 32 bytes of a row."""
        return bytes(self._hashes[row])

    @property
    def size_bytes(self) -> int:
        """How much memory it takes."""
        return self._hashes.nbytes + sum(table.size_bytes for table in self._tables)

    def near(self, sought: Fingerprint, *, within: int = MATCH_DISTANCE) -> list[Match]:
        """Return all hashes at most `within` bits away, nearest first."""
        return self.near_each([sought], within=within)[0]

    def nearest(self, sought: Fingerprint, *, within: int = MATCH_DISTANCE) -> Match | None:
        """Return the nearest hash at most `within` bits away, None if there is none."""
        return next(iter(self.near(sought, within=within)), None)

    def near_each(
        self, sought: Sequence[Fingerprint], *, within: int = MATCH_DISTANCE
    ) -> list[list[Match]]:
        """Return for each of several what `near` does, faster than one by one."""
        together = np.frombuffer(b"".join(one.bits for one in sought), dtype=np.uint64)
        words = together.reshape(-1, _WORDS)
        found: list[list[Match]] = []
        for begin in range(0, len(words), _AT_ONCE):
            found += self._near(words[begin : begin + _AT_ONCE], within)
        return found

    def _near(self, sought: NDArray[np.uint64], within: int) -> list[list[Match]]:
        near: list[dict[int, int]] = [{} for _ in sought]
        if not self._tables or within > REACH:
            for one, matches in zip(sought, near, strict=True):
                distances = _distances(self._words, one)
                near_rows = np.flatnonzero(distances <= within)
                matches.update(zip(near_rows.tolist(), distances[near_rows].tolist(), strict=True))
        else:
            for table, piece in zip(self._tables, self._cut, strict=True):
                rows, whose = table.under(sought, piece.radius if within >= len(self._cut) else 0)
                distances = _distances(self._words[rows], sought[whose])
                # A row may be found by several of its pieces.
                for at in np.flatnonzero(distances <= within).tolist():
                    near[whose[at]][int(rows[at])] = int(distances[at])
        return [sorted(Match(away, row) for row, away in one.items()) for one in near]


def _distances(words: NDArray[np.uint64], others: NDArray[np.uint64]) -> NDArray[np.uint16]:
    differing = np.bitwise_count(words ^ others)
    distances: NDArray[np.uint16] = differing.sum(axis=1, dtype=np.uint16)
    return distances


def _cut_for(count: int) -> tuple[Piece, ...]:
    if count <= _SCANNED_UP_TO:
        return ()
    return SHORT_CUT if count < _LONG_FROM else LONG_CUT
