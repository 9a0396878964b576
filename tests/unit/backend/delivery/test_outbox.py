"""From the table to the bus."""

import asyncio

from backend.delivery.outbox import Outbox
from backend.domain.events import JobEvent
from backend.domain.requests import JobId
from tests.builders import a_birth, a_job
from tests.fakes.events import MemoryEventBus
from tests.fakes.stores import MemoryJobStore


async def store_with(*names: str) -> MemoryJobStore:
    jobs = MemoryJobStore()
    for name in names:
        await jobs.add(a_birth(a_job(id=JobId(name))), fingerprint="")
    return jobs


async def test_committed_events_are_told_once_and_in_order() -> None:
    jobs, bus = await store_with("a", "b"), MemoryEventBus()
    outbox = Outbox(jobs=jobs, bus=bus)
    await outbox.publish_pending()
    await outbox.publish_pending()
    assert [event.job_id for event in bus.events] == ["a", "b"]


async def test_a_silent_bus_keeps_the_events_for_later() -> None:
    jobs, bus = await store_with("a"), MemoryEventBus()
    outbox = Outbox(jobs=jobs, bus=bus)
    bus.is_silent = True
    await outbox.publish_pending()
    bus.is_silent = False
    await outbox.publish_pending()
    assert bus.kinds(JobId("a")) == ["queued"]


async def test_a_bus_that_never_answers_holds_nobody_up() -> None:
    class Hanging(MemoryEventBus):
        async def publish(self, event: JobEvent) -> None:
            await asyncio.Event().wait()

    jobs = await store_with("a")
    await Outbox(jobs=jobs, bus=Hanging(), patience_s=0.01).publish_pending()
    assert len(await jobs.unpublished(10)) == 1


async def test_what_was_told_before_a_failure_is_not_told_again() -> None:
    class FailsOnB(MemoryEventBus):
        async def publish(self, event: JobEvent) -> None:
            if event.job_id == "b":
                raise ConnectionError
            await super().publish(event)

    jobs, bus = await store_with("a", "b"), FailsOnB()
    outbox = Outbox(jobs=jobs, bus=bus)
    await outbox.publish_pending()
    await outbox.publish_pending()
    assert [event.job_id for event in bus.events] == ["a"]
    assert [stored.event.job_id for stored in await jobs.unpublished(10)] == ["b"]


async def test_calls_at_the_same_time_tell_each_event_once() -> None:
    jobs, bus = await store_with("a", "b", "c"), MemoryEventBus()
    outbox = Outbox(jobs=jobs, bus=bus)
    await asyncio.gather(*(outbox.publish_pending() for _ in range(5)))
    assert len(bus.events) == 3
