"""The deployment's own list: pictures that were removed everywhere, whoever knows them."""

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from safety.errors import HashListUnusable
from safety.fingerprint import Fingerprint
from safety.listing.reading import Listed, list_hashes
from safety.verdict import KnownMatch

REMOVED_PICTURE: Final = "removed_picture"
REFRESH_S: Final = 15.0

# Returns the hash of every blocked picture (64 hexadecimal digits), each with its id.
ReadBlocked = Callable[[], Mapping[str, str]]


class OwnHashList:
    """Knows the pictures that this deployment has blocked; none is fine, not knowing is not."""

    def __init__(
        self,
        *,
        read: ReadBlocked,
        name: str = "own",
        category: str = REMOVED_PICTURE,
        refresh_s: float = REFRESH_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = name
        self.category = category
        self._read = read
        self._refresh_s = refresh_s
        self._clock = clock
        self._read_at = -float("inf")
        self._listed: Listed | None = None
        self._reading = threading.Lock()

    def find(self, prints: Sequence[Fingerprint]) -> KnownMatch | None:
        return self._current().nearest(self.name, prints)

    def trouble(self) -> str:
        try:
            self._current()
        except HashListUnusable as error:
            return error.reason
        return ""

    def _current(self) -> Listed:
        with self._reading:
            if self._listed is None or self._clock() - self._read_at >= self._refresh_s:
                self._listed = self._look()
                self._read_at = self._clock()
            return self._listed

    def _look(self) -> Listed:
        try:
            blocked = self._read()
        except Exception as error:
            raise HashListUnusable(self.name, "unreachable") from error
        try:
            return list_hashes(blocked.items())
        except ValueError as error:
            raise HashListUnusable(self.name, "corrupt") from error
