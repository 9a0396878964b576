"""Job events over a sink in memory."""

from collections.abc import AsyncIterator

from backend.delivery.event_bus import SinkEventBus
from backend.domain.events import JobEvent, JobEventKind
from backend.domain.requests import JobId
from tests.builders import NOW


class ListSink:
    def __init__(self) -> None:
        self.payloads: list[bytes] = []

    async def publish(self, payload: bytes) -> None:
        self.payloads.append(payload)

    async def listen(self, group: str) -> AsyncIterator[bytes]:
        for payload in self.payloads:
            yield payload


async def test_an_event_arrives_as_it_was_told() -> None:
    bus = SinkEventBus(sink=ListSink())
    event = JobEvent(
        job_id=JobId("gen_1"), kind=JobEventKind.PROGRESS, attempt=2, at=NOW, detail="3/20"
    )
    await bus.publish(event)
    assert [heard async for heard in bus.listen("g")] == [event]


async def test_an_event_of_a_newer_release_is_passed_over() -> None:
    sink = ListSink()
    bus = SinkEventBus(sink=sink)
    await sink.publish(b'{"kind":"upscaled"}')
    await bus.publish(JobEvent(job_id=JobId("a"), kind=JobEventKind.QUEUED, attempt=0, at=NOW))
    assert [heard.job_id async for heard in bus.listen("g")] == ["a"]
