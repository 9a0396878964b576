"""A list in a file that somebody else keeps fresh; too old a file is no list."""

from collections.abc import Sequence

from safety.fingerprint import Fingerprint
from safety.listing.held import HeldList
from safety.verdict import KnownMatch


class FileHashList:
    """Knows the pictures whose hashes a file lists (`safety/listing/reading.py` says how)."""

    def __init__(self, *, name: str, category: str, held: HeldList) -> None:
        self.name = name
        self.category = category
        self._held = held

    def find(self, prints: Sequence[Fingerprint]) -> KnownMatch | None:
        return self._held.find(prints)

    def trouble(self) -> str:
        return self._held.trouble()
