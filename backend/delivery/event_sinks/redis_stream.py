"""Events on one Redis Stream of bounded length; each group of listeners has its own place in it."""

from collections.abc import AsyncIterator
from typing import Final

from redis.asyncio import Redis

from backend.delivery.group_reader import GroupReader

EVENT_STREAM: Final = "impasto:events"
EVENT_FIELD: Final = "event"
EVENTS_KEPT: Final = 10_000


class RedisStreamSink:
    """Publishes to, and listens on, `impasto:events`."""

    def __init__(
        self,
        *,
        redis: Redis,
        consumer: str = "",
        block_ms: int = 2000,
        idle_ms: int = 60_000,
    ) -> None:
        self._redis = redis
        self._consumer = consumer
        self._block_ms = block_ms
        self._idle_ms = idle_ms

    async def publish(self, payload: bytes) -> None:
        await self._redis.xadd(
            EVENT_STREAM, {EVENT_FIELD: payload}, maxlen=EVENTS_KEPT, approximate=True
        )

    async def listen(self, group: str) -> AsyncIterator[bytes]:
        reader = GroupReader(
            redis=self._redis,
            stream=EVENT_STREAM,
            field=EVENT_FIELD,
            group=group,
            begin="$",
            consumer=self._consumer,
            block_ms=self._block_ms,
            idle_ms=self._idle_ms,
        )
        while True:
            for entry in await reader.read():
                if entry.payload is not None:
                    yield entry.payload
                await reader.ack(entry.id)
