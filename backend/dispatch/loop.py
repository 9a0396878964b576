"""The dispatcher: one leader that brings waiting jobs to workers and their reports to the table."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Final

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from backend.dispatch.leader import ALIVE_KEY, LEADER_TTL_S, LeaderLock
from backend.dispatch.lifelines import Lifelines
from backend.dispatch.periodic import Reconciler
from backend.dispatch.receive import Receiver, ReportFeed
from backend.dispatch.send import Sender
from backend.dispatch.tell import Teller
from backend.dispatch.waiting import pause, until
from backend.domain.errors import Unavailable
from backend.domain.events import JobEvent, JobEventKind
from backend.domain.families import ModelFamily
from backend.scheduling.gpu_pool import GpuPool, LiveWorker
from backend.service.line import Line, Sending
from backend.service.ports import (
    Clock,
    EventBus,
    Gauges,
    JobStore,
    OutboxPublisher,
    Outlooks,
)
from backend.service.removals import Removals
from backend.service.reports import Reports
from backend.service.uploads import Uploads

ALIVE_TTL_S: Final = 10
WAKE_GROUP: Final = "dispatcher"
AWAY: Final = (RedisError, OSError, Unavailable)
COMING_BACK: Final = frozenset({JobEventKind.RELEASED, JobEventKind.RETURNED})
WAKING: Final = COMING_BACK | {JobEventKind.QUEUED, JobEventKind.CANCELLED}

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class Rhythm:
    """How often the dispatcher does what, in seconds.

    While nobody waits it only ticks every `idle_tick_s`, unless `tick_s` is longer: what enters the
    line is told it, and if that is lost, it is found so much later.
    """

    tick_s: float = 0.2
    idle_tick_s: float = 1.0
    reconcile_s: float = 0.5
    tell_s: float = 1.0
    renew_s: float = 1.0
    standby_s: float = 0.5
    trouble_s: float = 1.0


class Dispatcher:
    """Leads while it holds the lock, stands by while another does."""

    def __init__(
        self,
        *,
        redis: Redis,
        jobs: JobStore,
        line: Line,
        reports: Reports,
        feed: ReportFeed,
        sender: Sender,
        pool: GpuPool,
        events: EventBus,
        outbox: OutboxPublisher,
        outlooks: Outlooks,
        gauges: Gauges,
        clock: Clock,
        uploads: Uploads | None = None,
        removals: Removals | None = None,
        leader_ttl_s: float = LEADER_TTL_S,
        rhythm: Rhythm | None = None,
    ) -> None:
        self._redis = redis
        self._line = line
        self._sender = sender
        self._pool = pool
        self._events = events
        self._outbox = outbox
        self._leader_ttl_s = leader_ttl_s
        self._rhythm = rhythm or Rhythm()
        self._wake = asyncio.Event()
        self._slots: dict[ModelFamily, int] = {}
        self._lock = LeaderLock(redis=redis, ttl_s=leader_ttl_s)
        self._receiver = Receiver(feed=feed, reports=reports, on_news=self._wake.set, clock=clock)
        self._teller = Teller(
            line=line, outlooks=outlooks, gauges=gauges, slots=lambda: self._slots
        )
        self._reconciler = Reconciler(
            line=line,
            jobs=jobs,
            outbox=outbox,
            clock=clock,
            heard_until=lambda: self._receiver.heard_until,
            lifelines=Lifelines(redis=redis, clock=clock),
            uploads=uploads,
            removals=removals,
        )

    async def run(self, stop: asyncio.Event) -> None:
        """Dispatch until `stop`; finishes what it has begun and gives the lock back."""
        while not stop.is_set():
            if await self._acquires():
                _log.info("dispatcher_leads")
                await self._lead(stop)
                _log.info("dispatcher_stopped_leading")
                # What made a loop die may still be there.
                await pause(stop, self._rhythm.standby_s)
            else:
                await pause(stop, self._rhythm.standby_s)

    async def _acquires(self) -> bool:
        try:
            return await self._lock.acquire()
        except AWAY as error:
            _log.warning("lock_unreachable", error=str(error))
            return False

    async def _lead(self, stop: asyncio.Event) -> None:
        """Run all loops until `stop` or until the lock is lost."""
        ended = asyncio.Event()
        self._line.begin_anew()
        loops = [
            asyncio.create_task(self._dispatch(ended)),
            asyncio.create_task(self._hear(ended)),
            asyncio.create_task(self._receiver.run(ended)),
            asyncio.create_task(self._reconciler.run(ended, every_s=self._rhythm.reconcile_s)),
            asyncio.create_task(self._teller.run(ended, every_s=self._rhythm.tell_s)),
            asyncio.create_task(self._teller.run_gauges(ended, every_s=self._rhythm.tell_s)),
        ]
        holding = asyncio.create_task(self._hold_lock(stop))
        try:
            # A loop ends early only by a bug; better to lead anew than to lead lamely.
            await asyncio.wait({holding, *loops}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            ended.set()
            self._wake.set()
            holding.cancel()
            for outcome in await asyncio.gather(holding, *loops, return_exceptions=True):
                if isinstance(outcome, Exception):
                    _log.error("dispatcher_loop_died", exc_info=outcome)
            await self._step_down()

    async def _hold_lock(self, stop: asyncio.Event) -> None:
        """Renew the lock and show presence; returns at `stop` or when the lock is lost."""
        held_at = time.monotonic()
        while not stop.is_set():
            try:
                if not await self._lock.acquire():
                    _log.warning("lock_lost")
                    return
                held_at = time.monotonic()
                await self._redis.set(ALIVE_KEY, b"1", ex=ALIVE_TTL_S)
            except AWAY as error:
                _log.warning("lock_unreachable", error=str(error))
                if time.monotonic() - held_at > self._leader_ttl_s:
                    return
            await pause(stop, self._rhythm.renew_s)

    async def _step_down(self) -> None:
        try:
            await self._lock.release(ALIVE_KEY)
        except AWAY as error:
            _log.warning("lock_not_released", error=repr(error))

    async def _dispatch(self, ended: asyncio.Event) -> None:
        """Fill the worker queues whenever something happened, and every tick."""
        while not ended.is_set():
            self._wake.clear()
            try:
                is_fine = await self._fill_queues()
            except AWAY as error:
                _log.warning("dispatch_waits", error=str(error))
                is_fine = False
            except Exception:  # noqa: BLE001 - the edge of a tick: the next one tries again
                _log.exception("dispatch_failed")
                is_fine = False
            if is_fine:
                await pause(self._wake, self._tick_s())
            else:
                await pause(ended, self._rhythm.trouble_s)

    def _tick_s(self) -> float:
        idle_s = self._rhythm.idle_tick_s if self._line.is_empty else 0.0
        return max(self._rhythm.tick_s, idle_s)

    async def _fill_queues(self) -> bool:
        """Lease and send what the live workers ask for now; False if a send failed."""
        is_fine = True
        # In this order: a worker says that it wants no more before it reports that it has begun.
        in_flight = {family: await self._line.in_flight(family) for family in ModelFamily}
        for family, workers in (await self._live_workers()).items():
            sendings = await self._line.lease_next(family, workers, in_flight=in_flight[family])
            if sendings:
                is_fine = await self._send_all(sendings) and is_fine
                await self._outbox.publish_pending()
        return is_fine

    async def _live_workers(self) -> dict[ModelFamily, list[LiveWorker]]:
        """Return who is there, by family, and note how many jobs they draw at once."""
        by_family: dict[ModelFamily, list[LiveWorker]] = {}
        for worker in await self._pool.workers():
            by_family.setdefault(worker.family, []).append(worker)
        self._slots = {
            family: sum(worker.slots for worker in workers) for family, workers in by_family.items()
        }
        return by_family

    async def _send_all(self, sendings: Sequence[Sending]) -> bool:
        """Send in order; after a failure the rest goes back to the line. True if all went."""
        for number, sending in enumerate(sendings):
            message = sending.message
            try:
                await self._sender.send(message, worker=sending.worker)
            except Exception as error:  # noqa: BLE001 - whatever the broker raised, the job must go back
                _log.warning("send_failed", job_id=message.job_id, error=repr(error))
                for unsent in sendings[number:]:
                    await self._line.unsent(unsent.message)
                return False
        return True

    async def _hear(self, ended: asyncio.Event) -> None:
        """Wake the dispatching loop when a job enters the line."""
        while not ended.is_set():
            try:
                await self._hear_events(self._events.listen(WAKE_GROUP), ended)
            except Exception:  # noqa: BLE001 - deaf for a moment: the tick looks anyway
                _log.exception("listening_failed")
                await pause(ended, self._rhythm.trouble_s)

    async def _hear_events(self, events: AsyncIterator[JobEvent], ended: asyncio.Event) -> None:
        while (event := await until(ended, anext(events))) is not None:
            if event.kind in COMING_BACK:
                self._line.look_again()
            if event.kind in WAKING:
                self._wake.set()
