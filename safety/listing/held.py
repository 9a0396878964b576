"""A list in a file, held in memory and read anew when the file changes."""

import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from safety.errors import HashListUnusable
from safety.fingerprint import Fingerprint
from safety.listing.reading import Listed, read_listed
from safety.verdict import KnownMatch

STALE_AFTER_S: Final = 7 * 24 * 3600.0
# A larger file is read while the list that was is still asked.
_READ_AT_ONCE_BYTES: Final = 4 * 1024 * 1024

_Stamp = tuple[int, int, int]


class HeldList:
    """Finds copies of what a file lists, and refuses to where the file cannot be relied on.

    `fresh_at` tells as of when the list is good, in seconds since 1970: by default when the file
    was last written. For many threads.
    """

    def __init__(
        self,
        *,
        name: str,
        path: Path,
        stale_after_s: float = STALE_AFTER_S,
        may_be_empty: bool = False,
        fresh_at: Callable[[], float] | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._name = name
        self._path = path
        self._stale_after_s = stale_after_s
        self._may_be_empty = may_be_empty
        self._fresh_at = fresh_at or self._written_at
        self._clock = clock
        self._listed: Listed | None = None
        self._stamp: _Stamp | None = None
        self._is_corrupt = False
        self._reading = threading.Lock()

    def find(self, prints: Sequence[Fingerprint]) -> KnownMatch | None:
        """Return the listed picture nearest to one of several fingerprints, if it is a copy.

        Raises:
            HashListUnusable: the list is missing, empty, corrupt or stale.

        """
        return self._current().nearest(self._name, prints)

    def trouble(self) -> str:
        """Return why nothing could be looked up now, as a word; "" if all is well."""
        try:
            self._current()
        except HashListUnusable as error:
            return error.reason
        return ""

    def _current(self) -> Listed:
        self._read_if_changed()
        if self._is_corrupt:
            raise HashListUnusable(self._name, "corrupt")
        listed = self._listed
        if listed is None:
            raise HashListUnusable(self._name, "unread")
        if not len(listed) and not self._may_be_empty:
            raise HashListUnusable(self._name, "empty")
        age_s = self._clock() - self._fresh_at()
        if age_s > self._stale_after_s:
            raise HashListUnusable(self._name, "stale")
        return listed

    def _read_if_changed(self) -> None:
        stamp = self._stamp_now()
        if stamp == self._stamp:
            return
        if self._listed is None or stamp[1] <= _READ_AT_ONCE_BYTES:
            with self._reading:
                self._read(stamp)
        elif self._reading.acquire(blocking=False):
            threading.Thread(target=self._read_aside, name="hash-list", daemon=True).start()

    def _read_aside(self) -> None:
        try:
            self._read(self._stamp_now())
        except HashListUnusable:
            # It went away meanwhile: whoever asks next is told.
            return
        finally:
            self._reading.release()

    def _read(self, stamp: _Stamp) -> None:
        if stamp == self._stamp:
            return
        try:
            with self._path.open("rb") as file:
                self._listed = read_listed(file)
            self._is_corrupt = False
        except OSError as error:
            raise HashListUnusable(self._name, "missing") from error
        except ValueError:
            self._is_corrupt = True
        self._stamp = stamp

    def _stamp_now(self) -> _Stamp:
        try:
            found = self._path.stat()
        except OSError as error:
            raise HashListUnusable(self._name, "missing") from error
        return found.st_mtime_ns, found.st_size, found.st_ino

    def _written_at(self) -> float:
        return self._stamp_now()[0] / 1e9
