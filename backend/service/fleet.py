"""Which families can be drawn now, by the workers that were there lately.

A worker may be away for a moment: it restarts, a new release is rolled out, its machine was a spot
one. So a family is given up only after `patience_s` without any sign of a worker, and after as long
from the beginning and from each time when nobody could be asked.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Protocol

import structlog

from backend.domain.errors import FamilyUnavailable, NoLiveWorker, Unavailable
from backend.domain.families import ModelFamily
from backend.service.meanwhile import meanwhile

LOOK_EVERY_S = 1.0

_log = structlog.get_logger(__name__)


class Presence(Protocol):
    """The workers that are there."""

    async def families(self) -> frozenset[ModelFamily]:
        """Return the families of all live workers.

        Raises:
            Unavailable: nobody can tell.

        """

    async def controlnets(self) -> frozenset[str]:
        """Return the names of the ControlNets that live workers have.

        Raises:
            Unavailable: nobody can tell.

        """


class Fleet:
    """The workers as whoever accepts jobs sees them; `families` are those that are configured.

    Somebody must look all the time (`watching`): who looks only when asked cannot tell a worker
    that went a moment ago from one that has been away for a day.
    """

    def __init__(
        self,
        *,
        presence: Presence,
        families: Sequence[ModelFamily],
        patience_s: float = 120.0,
        seconds: Callable[[], float] = time.monotonic,
    ) -> None:
        self._presence = presence
        self._configured = tuple(families)
        self._patience_s = patience_s
        self._seconds = seconds
        self._seen_s: dict[ModelFamily, float] = {}
        self._live: frozenset[ModelFamily] = frozenset()
        # Since when all looks were answered: before, anybody may have been there.
        self._sighted_s: float | None = seconds()

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        """Look every second until the block ends."""
        async with meanwhile(self._watch(), name="fleet"):
            yield

    async def look(self) -> None:
        """Look once who is there."""
        try:
            self._live = await self._presence.families()
        except Unavailable:
            self._live = frozenset()
            self._sighted_s = None
            return
        now_s = self._seconds()
        if self._sighted_s is None:
            # A server that comes back empty must first hear of the workers again.
            self._sighted_s = now_s
        self._seen_s.update(dict.fromkeys(self._live, now_s))

    def offered(self) -> tuple[ModelFamily, ...]:
        """Return what may be asked for: the configured families, and others that are live."""
        others = (family for family in ModelFamily if family in self._live)
        return tuple(dict.fromkeys((*self._configured, *others)))

    def live(self) -> tuple[ModelFamily, ...]:
        """Return the offered families that a worker is there for right now."""
        return tuple(family for family in self.offered() if family in self._live)

    def default_family(self) -> ModelFamily:
        """Return who draws for those who do not care: the first that is not given up.

        A worker that is away for a moment must not change what a prompt looks like.
        """
        hopeful = (family for family in self._configured if not self._is_hopeless(family))
        return next(iter((*hopeful, *self.live(), *self._configured)))

    async def must_serve(self, family: ModelFamily) -> None:
        """Refuse a family that nobody can draw.

        Raises:
            FamilyUnavailable: it is neither configured nor live.
            NoLiveWorker: no worker for it has been there for longer than patience lasts.

        """
        if not self._is_hopeless(family):
            return
        # Perhaps one has come since.
        await self.look()
        if not self._is_hopeless(family):
            return
        if family not in self._configured:
            raise FamilyUnavailable(family=family, available=self.live() or self._configured)
        raise NoLiveWorker(family=family, patience_s=self._patience_s, live=self.live())

    async def controlnets(self) -> tuple[str, ...]:
        """Return the names of the ControlNets that workers have now; none where nobody can tell."""
        try:
            return tuple(sorted(await self._presence.controlnets()))
        except Unavailable:
            return ()

    def _is_hopeless(self, family: ModelFamily) -> bool:
        if family not in self._configured:
            return family not in self._live
        if self._sighted_s is None:
            return False
        last_s = max(self._sighted_s, self._seen_s.get(family, self._sighted_s))
        return self._seconds() - last_s > self._patience_s

    async def _watch(self) -> None:
        while True:
            try:
                await self.look()
            except Exception:  # noqa: BLE001 - the edge of a background task; the next look may work
                _log.warning("fleet_look_failed", exc_info=True)
            await asyncio.sleep(LOOK_EVERY_S)
