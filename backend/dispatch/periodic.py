"""Puts right, every second, what a crash somewhere left undone."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta

import structlog
from redis.exceptions import RedisError

from backend.dispatch.lifelines import Lifelines
from backend.dispatch.waiting import pause
from backend.domain.errors import Unavailable
from backend.service.line import Line
from backend.service.ports import Clock, JobStore, OutboxPublisher
from backend.service.removals import Removals
from backend.service.uploads import Uploads

SWEEP_EVERY = timedelta(minutes=10)
DRIVE_EVERY = timedelta(seconds=5)
_log = structlog.get_logger(__name__)


class Reconciler:
    """Returns lost jobs to the line, and publishes events whose publisher died after its commit."""

    def __init__(
        self,
        *,
        line: Line,
        jobs: JobStore,
        outbox: OutboxPublisher,
        clock: Clock,
        heard_until: Callable[[], datetime | None],
        lifelines: Lifelines | None = None,
        uploads: Uploads | None = None,
        removals: Removals | None = None,
        forgotten_s: float = 2.0,
    ) -> None:
        self._line = line
        self._jobs = jobs
        self._outbox = outbox
        self._clock = clock
        self._heard_until = heard_until
        self._lifelines = lifelines
        self._forgotten = timedelta(seconds=forgotten_s)
        self._uploads = uploads
        self._removals = removals
        self._driven_at: datetime | None = None
        self._swept_at: datetime | None = None

    async def run(self, ended: asyncio.Event, *, every_s: float) -> None:
        """Tick until `ended`."""
        while not ended.is_set():
            try:
                await self.tick()
            except (RedisError, OSError, Unavailable) as error:
                _log.warning("reconcile_waits", error=str(error))
            except Exception:  # noqa: BLE001 - the edge of a tick: the next one tries again
                _log.exception("reconcile_failed")
            await pause(ended, every_s)

    async def tick(self) -> None:
        """Do it once."""
        heard_until = self._heard_until()
        returned = 0 if heard_until is None else await self._return_lost(heard_until)
        oldest = await self._jobs.unpublished(1)
        forgotten = any(stored.event.at <= self._clock() - self._forgotten for stored in oldest)
        if returned or forgotten:
            await self._outbox.publish_pending()
        await self._sweep()
        await self._drive_removals()

    async def _drive_removals(self) -> None:
        """Go on, every few seconds, with removals that a crash or a silent store left undone."""
        now = self._clock()
        if self._removals is None or (self._driven_at and now - self._driven_at < DRIVE_EVERY):
            return
        self._driven_at = now
        await self._removals.drive()

    async def _sweep(self) -> None:
        """Remove expired uploads, now and then; what is not removed now is later."""
        now = self._clock()
        if self._uploads is None or (self._swept_at and now - self._swept_at < SWEEP_EVERY):
            return
        self._swept_at = now
        gone = await self._uploads.forget_expired()
        if gone:
            _log.info("uploads_forgotten", count=gone)

    async def _return_lost(self, heard_until: datetime) -> int:
        returned = await self._line.return_lost(before=heard_until)
        if self._lifelines is None:
            return returned
        for worker, by in (await self._lifelines.gone()).items():
            # What it reported last has been read by then.
            if by <= heard_until:
                returned += await self._line.return_held_by(worker)
                self._lifelines.forget(worker)
        return returned
