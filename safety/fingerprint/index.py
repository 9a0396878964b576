"""Finds hashes near one among many, exactly: what is within the distance is never missed.

Two hashes at most 31 bits apart differ by at most one bit in one of their 16 pieces of 16 bits. So
a table from each piece to whose it is has, under the piece itself and its 16 neighbours, all that
can be near: of ten million hashes 42,000 are then compared in full.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from safety.fingerprint.pdq import BYTES, MATCH_DISTANCE, Fingerprint

_PIECES: Final = BYTES // 2
_PIECE_VALUES: Final = 1 << 16
# Up to so many hashes, comparing them all is as fast as looking up, and needs no tables.
_SCANNED_UP_TO: Final = 50_000


@dataclass(frozen=True, order=True)
class Match:
    """A hash that is near: how many bits away, and which row of the index."""

    distance: int
    row: int


class HashIndex:
    """An index over hashes of 32 bytes. It does not change; safe to ask from several threads."""

    def __init__(self, hashes: NDArray[np.uint8]) -> None:
        """Take `hashes`, (n, 32) bytes: at most 2³² of them; 96 bytes of memory for each.

        Raises:
            ValueError: they are not of that shape.

        """
        if hashes.ndim != 2 or hashes.shape[1] != BYTES or hashes.dtype != np.uint8:
            raise ValueError(f"an index is made of (n, {BYTES}) bytes, not of {hashes.shape}")
        self._hashes = np.ascontiguousarray(hashes)
        self._words = self._hashes.view(np.uint64)
        self._rows: NDArray[np.uint32] | None = None
        self._begins: NDArray[np.uint32] | None = None
        if len(hashes) > _SCANNED_UP_TO:
            self._rows, self._begins = _tables(self._hashes.view(np.uint16))

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
        tables = (table.nbytes for table in (self._rows, self._begins) if table is not None)
        return self._hashes.nbytes + sum(tables)

    def near(self, sought: Fingerprint, *, within: int = MATCH_DISTANCE) -> list[Match]:
        """Return all hashes at most `within` bits away, nearest first."""
        bits = np.frombuffer(sought.bits, dtype=np.uint8)
        rows = self._candidates(bits.view(np.uint16), within)
        words = self._words if rows is None else self._words[rows]
        distances = np.bitwise_count(words ^ bits.view(np.uint64)).sum(axis=1, dtype=np.uint16)
        found = np.flatnonzero(distances <= within)
        whose = found if rows is None else rows[found]
        # A row may be found by several of its pieces.
        near = {int(row): int(distances[at]) for at, row in zip(found, whose, strict=True)}
        return sorted(Match(distance, row) for row, distance in near.items())

    def nearest(self, sought: Fingerprint, *, within: int = MATCH_DISTANCE) -> Match | None:
        """Return the nearest hash at most `within` bits away, None if there is none."""
        return next(iter(self.near(sought, within=within)), None)

    def _candidates(self, pieces: NDArray[np.uint16], within: int) -> NDArray[np.uint32] | None:
        """Return the rows that can be so near; None if that is any."""
        if self._rows is None or self._begins is None or within >= 2 * _PIECES:
            return None
        begins, rows = self._begins, self._rows
        changes = [0] if within < _PIECES else [0, *(1 << bit for bit in range(16))]
        return np.concatenate(
            [
                rows[place, begins[place, piece ^ change] : begins[place, (piece ^ change) + 1]]
                for place, piece in enumerate(pieces.tolist())
                for change in changes
            ]
        )


def _tables(pieces: NDArray[np.uint16]) -> tuple[NDArray[np.uint32], NDArray[np.uint32]]:
    """Return, for each of the 16 pieces, the rows ordered by it, and where each value begins."""
    count = len(pieces)
    rows = np.empty((_PIECES, count), dtype=np.uint32)
    begins = np.zeros((_PIECES, _PIECE_VALUES + 1), dtype=np.uint32)
    for place in range(_PIECES):
        piece = np.ascontiguousarray(pieces[:, place])
        rows[place] = np.argsort(piece, kind="stable")
        begins[place, 1:] = np.cumsum(np.bincount(piece, minlength=_PIECE_VALUES))
    return rows, begins
