"""The time by the database's clock: hosts may disagree about it, and leases must not."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Final

import structlog
from sqlmodel import func, select

from backend.db.sessions import Database
from backend.domain.errors import Unavailable
from backend.service.meanwhile import meanwhile

SET_EVERY_S: Final = 10.0
RETRY_S: Final = 0.5

# SQLite has no clock but the host's, which all its processes share.
_NOW: Final = {
    "postgresql": func.clock_timestamp(),
    "sqlite": func.strftime("%Y-%m-%dT%H:%M:%f+00:00", "now"),
}
_log = structlog.get_logger(__name__)


class DatabaseClock:
    """Tells the database's time, carried on between two looks by what measures durations here.

    So neither a wrong clock of this host nor one that is put right under way moves a lease.
    """

    def __init__(
        self,
        *,
        database: Database,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._monotonic = monotonic
        self._told: datetime | None = None
        self._told_at_s = 0.0

    def __call__(self) -> datetime:
        """Return the time, in UTC.

        Raises:
            Unavailable: the clock was never set.

        """
        if self._told is None:
            raise Unavailable
        return self._told + timedelta(seconds=self._monotonic() - self._told_at_s)

    async def set(self) -> None:
        """Look at the database's clock.

        Raises:
            Unavailable: the database does not answer.

        """
        asked_at_s = self._monotonic()
        async with self._database.read() as session:
            told = (await session.exec(select(_NOW[self._database.kind]))).one()
            answered_at_s = self._monotonic()
        moment = told if isinstance(told, datetime) else datetime.fromisoformat(str(told))
        self._told = moment.astimezone(UTC)
        # It was told at some moment between question and answer.
        self._told_at_s = (asked_at_s + answered_at_s) / 2

    @asynccontextmanager
    async def kept(self, stop: asyncio.Event) -> AsyncIterator[None]:
        """Set the clock, waiting for the database until `stop`, and keep it set in the block."""
        await self._keep(stop, once=True)
        async with meanwhile(self._keep(stop, once=False)):
            yield

    async def _keep(self, stop: asyncio.Event, *, once: bool) -> None:
        while not stop.is_set():
            try:
                await self.set()
            except Unavailable as error:
                _log.warning("clock_not_set", error=str(error))
                await _pause(stop, RETRY_S)
                continue
            if once:
                return
            await _pause(stop, SET_EVERY_S)


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)
