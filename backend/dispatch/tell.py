"""Tells where waiting jobs stand, and what is measured: never a burden to the dispatching."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

import structlog
from redis.exceptions import RedisError

from backend.dispatch.waiting import pause
from backend.domain.errors import Unavailable
from backend.domain.families import ModelFamily
from backend.service.line import Line
from backend.service.ports import Gauges, Outlooks

# A look ahead over ten thousand jobs costs a core a tenth of a second: it gets a tenth of the time.
REST_PER_WORK: Final = 10.0
# What was told is forgotten after fifteen seconds.
REST_MAX_S: Final = 10.0

_log = structlog.get_logger(__name__)


class Teller:
    """Writes down what is measured of every family's line, and runs it forward now and then.

    `slots` says how many jobs the live workers of each family draw at once.
    """

    def __init__(
        self,
        *,
        line: Line,
        outlooks: Outlooks,
        gauges: Gauges,
        slots: Callable[[], Mapping[ModelFamily, int]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._line = line
        self._outlooks = outlooks
        self._gauges = gauges
        self._slots = slots
        self._clock = clock

    async def run(self, ended: asyncio.Event, *, every_s: float) -> None:
        """Tell outlooks until `ended`, every `every_s` or as rarely as the work asks for."""
        while not ended.is_set():
            began_at = self._clock()
            await _attempt(self.tell)
            await pause(ended, rest_s(self._clock() - began_at, every_s=every_s))

    async def run_gauges(self, ended: asyncio.Event, *, every_s: float) -> None:
        """Tell gauges until `ended`, every `every_s`: they cost little however long the lines."""
        while not ended.is_set():
            await _attempt(self.tell_gauges)
            await pause(ended, every_s)

    async def tell(self) -> None:
        """Say where the waiting jobs stand, those of families without a worker too."""
        for family in ModelFamily:
            outlooks = await self._line.outlooks(family, self._slots().get(family, 0))
            await self._outlooks.tell(family, outlooks)

    async def tell_gauges(self) -> None:
        """Say what is measured of each line, also without a worker."""
        for family in ModelFamily:
            gauges = await self._line.gauges(family, self._slots().get(family, 0))
            await self._gauges.tell(family, gauges)


async def _attempt(tell: Callable[[], Awaitable[None]]) -> None:
    try:
        await tell()
    except (RedisError, OSError, Unavailable) as error:
        _log.warning("telling_waits", error=str(error))
    except Exception:  # noqa: BLE001 - the edge of a round: the next one tries again
        _log.exception("telling_failed")


def rest_s(took_s: float, *, every_s: float) -> float:
    """Return how long to rest after a round that took so long."""
    return max(every_s, min(REST_MAX_S, REST_PER_WORK * took_s))
