"""In-memory twins of event bus, outbox, cancel flags, stored pictures, workers and their queues."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from backend.contracts import RenderJob
from backend.domain.errors import ImageNotFound, Unavailable
from backend.domain.events import JobEvent
from backend.domain.families import ModelFamily
from backend.domain.jobs import Job
from backend.domain.outlook import Outlook
from backend.domain.requests import JobId
from backend.domain.reviews import Backlog
from backend.scheduling.gauges import Board, FamilyGauges
from backend.service.ports import JobStore
from storage.errors import InvalidImage
from storage.formats import decode
from storage.thumbnails import veil

__all__ = [
    "MemoryCancelFlags",
    "MemoryEventBus",
    "MemoryGauges",
    "MemoryOutbox",
    "MemoryOutlooks",
    "MemoryPictures",
    "MemoryPresence",
    "MemoryPreviews",
    "MemoryQueues",
]


class MemoryEventBus:
    """The `EventBus` in memory; `is_silent` makes it fail. A new group hears all there ever was."""

    def __init__(self) -> None:
        self.events: list[JobEvent] = []
        self.is_silent = False
        self._places: dict[str, int] = {}
        self._changed = asyncio.Condition()

    async def publish(self, event: JobEvent) -> None:
        if self.is_silent:
            raise ConnectionError("the bus is silent")
        async with self._changed:
            self.events.append(event)
            self._changed.notify_all()

    async def listen(self, group: str) -> AsyncIterator[JobEvent]:
        while True:
            place = self._places.setdefault(group, 0)
            async with self._changed:
                await self._changed.wait_for(lambda place=place: len(self.events) > place)
            yield self.events[place]
            self._places[group] = place + 1

    def kinds(self, job_id: JobId) -> list[str]:
        """Return what was told of a job, in order."""
        return [event.kind.value for event in self.events if event.job_id == job_id]


class MemoryOutlooks:
    """The `Outlooks` in memory."""

    def __init__(self) -> None:
        self._told: dict[ModelFamily, dict[JobId, Outlook]] = {}

    async def tell(self, family: ModelFamily, outlooks: Mapping[JobId, Outlook]) -> None:
        self._told[family] = dict(outlooks)

    async def of(self, job: Job) -> Outlook | None:
        return self._told.get(job.spec.family, {}).get(job.id)


class MemoryGauges:
    """The `Gauges` in memory; `is_away` makes reading fail."""

    def __init__(self) -> None:
        self.board = Board()
        self.is_away = False

    async def tell(self, family: ModelFamily, gauges: FamilyGauges) -> None:
        self.board = replace(self.board, families={**self.board.families, family: gauges})

    async def tell_backlog(self, backlog: Sequence[Backlog]) -> None:
        self.board = replace(self.board, backlog=tuple(backlog))

    async def read(self) -> Board:
        if self.is_away:
            raise Unavailable
        return self.board


class MemoryPresence:
    """The `Presence` in memory; `is_silent` makes it fail."""

    def __init__(self, *families: ModelFamily) -> None:
        self.there = set(families)
        self.steering: set[str] = set()
        self.is_silent = False

    async def families(self) -> frozenset[ModelFamily]:
        if self.is_silent:
            raise Unavailable
        return frozenset(self.there)

    async def controlnets(self) -> frozenset[str]:
        if self.is_silent:
            raise Unavailable
        return frozenset(self.steering)


class MemoryOutbox:
    """The `OutboxPublisher` over a store and a bus in memory."""

    def __init__(self, *, jobs: JobStore, bus: MemoryEventBus) -> None:
        self._jobs = jobs
        self._bus = bus

    async def publish_pending(self) -> None:
        if self._bus.is_silent:
            return
        pending = await self._jobs.unpublished(1000)
        for stored in pending:
            await self._bus.publish(stored.event)
        await self._jobs.mark_published([stored.sequence for stored in pending])


class MemoryCancelFlags:
    """The `CancelFlags` in memory."""

    def __init__(self) -> None:
        self.raised: set[JobId] = set()

    async def raise_flag(self, job_id: JobId) -> None:
        self.raised.add(job_id)


class MemoryPreviews:
    """The `Previews` in memory; `shown` holds them by job."""

    def __init__(self) -> None:
        self.shown: dict[JobId, bytes] = {}
        self.is_away = False

    async def of(self, job: Job) -> bytes | None:
        return self.shown.get(job.id)

    async def forget(self, job: Job) -> None:
        if self.is_away:
            raise Unavailable
        self.shown.pop(job.id, None)


class MemoryPictures:
    """The `Pictures` in memory; links name the key and the time they work for."""

    def __init__(self, objects: dict[str, bytes] | None = None) -> None:
        self.objects = dict(objects or {})

    async def read(self, key: str) -> bytes:
        if key not in self.objects:
            raise ImageNotFound
        return self.objects[key]

    async def veiled(self, key: str) -> bytes:
        try:
            return veil(decode(await self.read(key)))
        except InvalidImage as error:
            raise ImageNotFound from error

    def link(self, key: str, *, ttl_s: int) -> str:
        return f"https://pictures.test/{key}?ttl_s={ttl_s}"


@dataclass(kw_only=True)
class MemoryQueues:
    """Worker queues in memory: a `Sender`, and `SentJobs`. `is_down` makes it fail.

    `workers` says of each message ever sent whose own queue it went to.
    """

    messages: list[RenderJob] = field(default_factory=list)
    workers: list[str] = field(default_factory=list)
    voided: list[tuple[str, int]] = field(default_factory=list)
    is_down: bool = False

    async def send(self, message: RenderJob, *, worker: str = "") -> None:
        if self.is_down:
            raise ConnectionError("the broker is down")
        self.messages.append(message)
        self.workers.append(worker)

    async def holds(self, job: Job) -> bool:
        return any((m.job_id, m.attempt) == (job.id, job.attempt) for m in self.messages)

    async def void(self, job: Job) -> None:
        self.voided.append((job.id, job.attempt))

    def take(self) -> RenderJob:
        """Take the oldest message, as a worker does."""
        return self.messages.pop(0)
