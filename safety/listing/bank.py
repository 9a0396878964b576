"""Keeps the list of a bank beside us fresh: a file in a folder, replaced whole or not at all."""

import json
import os
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final

from safety.errors import HashListUnusable
from safety.fingerprint import Fingerprint
from safety.listing.fetching import BankUnreachable
from safety.listing.held import STALE_AFTER_S, HeldList
from safety.verdict import KnownMatch

REFRESH_S: Final = 3600.0
# After an attempt that failed; a bank that is away is not asked with every picture.
_AGAIN_S: Final = 60.0
# What is wrong with a cache of which nothing can be kept.
_LOST: Final = ("missing", "corrupt")


@dataclass(frozen=True, kw_only=True)
class Visit:
    """What was known after a bank was asked the last time with success; the file is of then."""

    checked_at: float = 0.0
    etag: str = ""
    checkpoint: int = 0


@dataclass(frozen=True, kw_only=True)
class News:
    """What a bank has to tell: `listed` in place of what was, None if that still holds."""

    listed: bytes | None
    etag: str = ""
    checkpoint: int = 0


# Asks the bank, given the last visit and the file as it is.
Update = Callable[[Visit, bytes], News]


class Bank:
    """A cached list, refreshed once an hour by a thread that whoever asks it starts.

    One that does not ask by itself is only as new as the last `refresh`, of whichever process.
    """

    def __init__(
        self,
        *,
        name: str,
        folder: Path,
        update: Update,
        stale_after_s: float = STALE_AFTER_S,
        refresh_s: float = REFRESH_S,
        asks_by_itself: bool = True,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._name = name
        self._path = folder / f"{name}.csv"
        self._visit_path = folder / f"{name}.json"
        self._update = update
        self._refresh_s = refresh_s
        self._asks_by_itself = asks_by_itself
        self._clock = clock
        self._tried_at = -float("inf")
        self._refreshing = threading.Lock()
        self._held = HeldList(
            name=name,
            path=self._path,
            stale_after_s=stale_after_s,
            fresh_at=lambda: self._visit().checked_at,
            clock=clock,
        )

    def find(self, prints: Sequence[Fingerprint]) -> KnownMatch | None:
        """Look in the list as it is, and see to it that it is asked for again when it is time.

        Raises:
            HashListUnusable: nothing was ever fetched, or it is empty, corrupt or stale.

        """
        self._refresh_soon()
        return self._held.find(prints)

    def trouble(self) -> str:
        """Return why nothing could be looked up now, as a word; "" if all is well."""
        self._refresh_soon()
        return self._held.trouble()

    def refresh(self) -> None:
        """Ask the bank now; what it says replaces what was, or nothing changes.

        Raises:
            HashListUnusable: it does not answer, or its answer is not to be relied on.

        """
        with self._refreshing:
            self._tried_at = self._clock()
            visit, before = self._last()
            try:
                news = self._update(visit, before)
            except BankUnreachable as error:
                raise HashListUnusable(self._name, "unreachable") from error
            except ValueError as error:
                raise HashListUnusable(self._name, "untrustworthy") from error
            if news.listed is not None:
                _replace(self._path, news.listed)
            seen = replace(
                visit, checked_at=self._clock(), etag=news.etag, checkpoint=news.checkpoint
            )
            _replace(self._visit_path, json.dumps(asdict(seen)).encode())

    def _last(self) -> tuple[Visit, bytes]:
        """Return what is known of the bank; nothing at all, if its list can no longer be read."""
        if self._held.trouble() in _LOST:
            return Visit(), b""
        return self._visit(), self._path.read_bytes()

    def _refresh_soon(self) -> None:
        if not self._asks_by_itself:
            return
        now = self._clock()
        age_s = now - self._visit().checked_at
        is_due = age_s >= self._refresh_s or self._held.trouble() in _LOST
        if is_due and now - self._tried_at >= _AGAIN_S:
            self._tried_at = now
            threading.Thread(target=self._refresh_aside, name="hash-bank", daemon=True).start()

    def _refresh_aside(self) -> None:
        try:
            self.refresh()
        except (HashListUnusable, OSError):
            # The list that was serves until it is stale, and then everything is held.
            return

    def _visit(self) -> Visit:
        try:
            return Visit(**json.loads(self._visit_path.read_bytes()))
        except (OSError, ValueError, TypeError):
            return Visit()


class BankHashList:
    """Knows the pictures of a bank."""

    def __init__(self, *, name: str, category: str, bank: Bank) -> None:
        self.name = name
        self.category = category
        self.bank = bank

    def find(self, prints: Sequence[Fingerprint]) -> KnownMatch | None:
        return self.bank.find(prints)

    def trouble(self) -> str:
        return self.bank.trouble()


def _replace(path: Path, data: bytes) -> None:
    """Write a file so that whoever reads it finds all of the old one or all of the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    Path(file.name).replace(path)
