"""Reads a list of hashes: lines of 64 hexadecimal digits, alone or in a CSV beside an id.

A CSV's first line may name its columns (`hash` or `pdq`, and `id`); without, the hash comes first
and the id second. Blank lines and those that begin with `#` say nothing. Anything else is an error:
a list that is half understood lets pass what it should not.
"""

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from safety.fingerprint import BYTES, MATCH_DISTANCE, Fingerprint, HashIndex
from safety.verdict import KnownMatch

_DIGITS: Final = 2 * BYTES
_HASH_COLUMNS: Final = ("hash", "pdq", "pdq_hash", "indicator")
_ID_COLUMNS: Final = ("id", "entry")


@dataclass(frozen=True, kw_only=True)
class Listed:
    """A list in memory; `entries` are the ids of its rows, none if a hash is its own name."""

    index: HashIndex
    entries: NDArray[np.bytes_] | None = None

    def __len__(self) -> int:
        return len(self.index)

    def nearest(self, name: str, prints: Sequence[Fingerprint]) -> KnownMatch | None:
        """Return the nearest listed picture, if it is a copy of one of those that tell anything."""
        near = [
            (match.distance, match.row, one)
            for one in prints
            if one.is_telling
            and (match := self.index.nearest(one, within=MATCH_DISTANCE)) is not None
        ]
        if not near:
            return None
        distance, row, mine = min(near, key=lambda found: found[:2])
        entry = self.index.hash_of(row).hex()
        if self.entries is not None:
            entry = bytes(self.entries[row]).decode() or entry
        return KnownMatch(list_name=name, entry=entry, distance=distance, fingerprint=mine.hex)


def read_listed(data: bytes) -> Listed:
    """Read a whole list.

    Raises:
        ValueError: a line is no hash.

    """
    plain = _read_plain(data)
    if plain is not None:
        return Listed(index=HashIndex(plain))
    return list_hashes(_rows(data.decode("utf-8-sig")))


def list_hashes(rows: Iterable[tuple[str, str]]) -> Listed:
    """Make a list of hashes in hexadecimal digits, each with its id, "" for none.

    Raises:
        ValueError: one is no hash.

    """
    hashes, entries = [], []
    for number, (text, entry) in enumerate(rows, start=1):
        if len(text) != _DIGITS:
            raise ValueError(f"entry {number} is no hash")
        hashes.append(bytes.fromhex(text))
        entries.append(entry.encode())
    has_names = any(entries)
    return Listed(
        index=HashIndex.of(hashes), entries=np.array(entries, dtype="S") if has_names else None
    )


def _read_plain(data: bytes) -> NDArray[np.uint8] | None:
    """Read nothing but hashes, one in each line, as fast as that can be; None if there is more."""
    if not data or len(data) % (_DIGITS + 1):
        return None
    lines = np.frombuffer(data, dtype=np.uint8).reshape(-1, _DIGITS + 1)
    if not (lines[:, -1] == ord("\n")).all() or (lines[:, :-1] <= ord(" ")).any():
        return None
    try:
        together = bytes.fromhex(data.decode("ascii"))
    except ValueError:
        return None
    return np.frombuffer(together, dtype=np.uint8).reshape(-1, BYTES)


def _rows(text: str) -> list[tuple[str, str]]:
    """Return the hash and the id of each line, whatever columns they are in."""
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    rows = [[cell.strip() for cell in row] for row in csv.reader(lines)]
    hash_at, id_at = 0, 1
    names = [cell.casefold() for cell in rows[0]] if rows else []
    if found := [at for at, name in enumerate(names) if name in _HASH_COLUMNS]:
        hash_at, rows = found[0], rows[1:]
        id_at = next((at for at, name in enumerate(names) if name in _ID_COLUMNS), len(names))
    return [
        (row[hash_at] if hash_at < len(row) else "", row[id_at] if id_at < len(row) else "")
        for row in rows
    ]
