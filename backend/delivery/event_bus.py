"""The event bus: job events as JSON over whichever sink is configured."""

from collections.abc import AsyncIterator

import structlog
from pydantic import TypeAdapter, ValidationError

from backend.delivery.event_sink import EventSink
from backend.domain.events import JobEvent

_EVENT = TypeAdapter(JobEvent)
_log = structlog.get_logger(__name__)


class SinkEventBus:
    """Publishes and hears job events. They may come twice or late: what the store says, counts."""

    def __init__(self, *, sink: EventSink) -> None:
        self._sink = sink

    async def publish(self, event: JobEvent) -> None:
        await self._sink.publish(_EVENT.dump_json(event))

    async def listen(self, group: str) -> AsyncIterator[JobEvent]:
        async for payload in self._sink.listen(group):
            try:
                event = _EVENT.validate_json(payload)
            except ValidationError:
                # A newer release may tell of things this one does not know.
                _log.warning("event_unreadable", group=group)
                continue
            yield event
