"""Reads a list of hashes: lines of 64 hexadecimal digits, alone or in a CSV beside an id.

A CSV's first line may name its columns (`hash` or `pdq`, and `id`); without, the hash comes first
and the id second. Blank lines and those that begin with `#` say nothing. Anything else is an error:
a list that is half understood lets pass what it should not.
"""

import csv
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import BinaryIO, Final

import numpy as np
from numpy.typing import NDArray

from safety.fingerprint import BYTES, Fingerprint, HashIndex
from safety.verdict import KnownMatch

_DIGITS: Final = 2 * BYTES
_HASH_COLUMNS: Final = ("hash", "pdq", "pdq_hash", "indicator")
_ID_COLUMNS: Final = ("id", "entry")
# So much of a file is understood at a time: a list of ten million is never in memory as text.
_BLOCK_BYTES: Final = 1024 * 1024
_LINE_BYTES_MAX: Final = 64 * 1024
# All ids take the room of the longest.
_ID_BYTES_MAX: Final = 128
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"


@dataclass(frozen=True, kw_only=True)
class Listed:
    """A list in memory; `entries` are the ids of its rows, none if a hash is its own name."""

    index: HashIndex
    entries: NDArray[np.bytes_] | None = None

    def __len__(self) -> int:
        return len(self.index)

    def nearest(self, name: str, prints: Sequence[Fingerprint]) -> KnownMatch | None:
        """Return the nearest listed picture, if it is a copy of one of those that tell anything."""
        telling = [one for one in prints if one.is_telling]
        found = self.index.near_each(telling)
        near = [(at[0], one) for at, one in zip(found, telling, strict=True) if at]
        if not near:
            return None
        match, mine = min(near, key=lambda one: one[0])
        entry = self.index.hash_of(match.row).hex()
        if self.entries is not None:
            entry = bytes(self.entries[match.row]).decode() or entry
        return KnownMatch(
            list_name=name, entry=entry, distance=match.distance, fingerprint=mine.hex
        )


def read_listed(file: BinaryIO) -> Listed:
    """Read a whole list, a megabyte at a time.

    Raises:
        ValueError: a line is no hash.

    """
    read = _Rows()
    for block in _blocks(file):
        read.take_lines(block)
    return read.listed()


def check_listed(data: bytes) -> None:
    """Make sure that a list can be read, without making an index of it.

    Raises:
        ValueError: a line is no hash.

    """
    read = _Rows()
    for block in _blocks(BytesIO(data)):
        read.take_lines(block)


def list_hashes(rows: Iterable[tuple[str, str]]) -> Listed:
    """Make a list of hashes in hexadecimal digits, each with its id, "" for none.

    Raises:
        ValueError: one is no hash.

    """
    read = _Rows()
    read.take(rows)
    return read.listed()


class _Rows:
    """What has been read of a list so far."""

    def __init__(self) -> None:
        self._hashes = bytearray()
        self._entries: list[NDArray[np.bytes_]] = []
        self._has_begun = False
        self._hash_at, self._id_at = 0, 1

    def take_lines(self, block: bytes) -> None:
        """Take whole lines."""
        plain = _read_plain(block)
        if plain is None:
            self.take(self._cells(block.decode("utf-8")))
        else:
            self._has_begun = True
            self._hashes += plain
            self._entries.append(np.zeros(len(plain) // BYTES, dtype="S1"))

    def take(self, rows: Iterable[tuple[str, str]]) -> None:
        """Take hashes with their ids."""
        entries = []
        for text, entry in rows:
            bits = bytes.fromhex(text) if len(text) == _DIGITS else b""
            name = entry.encode()
            if len(bits) != BYTES or len(name) > _ID_BYTES_MAX:
                raise ValueError(f"entry {len(self) + 1} is no hash, or has no id")
            self._hashes += bits
            entries.append(name)
        if entries:
            self._entries.append(np.array(entries, dtype="S"))

    def listed(self) -> Listed:
        """Return all of it, to be looked up."""
        hashes = np.frombuffer(self._hashes, dtype=np.uint8).reshape(-1, BYTES)
        has_names = any(entries.any() for entries in self._entries)
        return Listed(
            index=HashIndex(hashes), entries=np.concatenate(self._entries) if has_names else None
        )

    def _cells(self, text: str) -> Iterator[tuple[str, str]]:
        """Yield the hash and the id of each line, whatever columns they are in."""
        lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
        for row in csv.reader(lines):
            cells = [cell.strip() for cell in row]
            if not self._has_begun:
                self._has_begun = True
                if self._read_names([cell.casefold() for cell in cells]):
                    continue
            yield _cell(cells, self._hash_at), _cell(cells, self._id_at)

    def _read_names(self, cells: Sequence[str]) -> bool:
        """Say whether a line names the columns, and see which is which."""
        hashes = [at for at, name in enumerate(cells) if name in _HASH_COLUMNS]
        if not hashes:
            return False
        ids = [at for at, name in enumerate(cells) if name in _ID_COLUMNS]
        self._hash_at, self._id_at = hashes[0], ids[0] if ids else len(cells)
        return True

    def __len__(self) -> int:
        return len(self._hashes) // BYTES


def _blocks(file: BinaryIO) -> Iterator[bytes]:
    """Yield a file in blocks of whole lines."""
    rest = file.read(len(_BYTE_ORDER_MARK)).removeprefix(_BYTE_ORDER_MARK)
    while piece := file.read(_BLOCK_BYTES):
        lines, newline, rest = (rest + piece).rpartition(b"\n")
        if len(rest) > _LINE_BYTES_MAX:
            raise ValueError("a line never ends")
        yield lines + newline
    yield rest


def _read_plain(block: bytes) -> bytes | None:
    """Read nothing but hashes, one in each line, as fast as that can be; None if there is more."""
    if not block or len(block) % (_DIGITS + 1):
        return None
    lines = np.frombuffer(block, dtype=np.uint8).reshape(-1, _DIGITS + 1)
    if not (lines[:, -1] == ord("\n")).all() or (lines[:, :-1] <= ord(" ")).any():
        return None
    try:
        return bytes.fromhex(block.decode("ascii"))
    except ValueError:
        return None


def _cell(cells: Sequence[str], at: int) -> str:
    return cells[at] if at < len(cells) else ""
