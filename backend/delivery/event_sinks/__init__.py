"""Places events are published to."""

from typing import Literal, assert_never

from redis.asyncio import Redis

from backend.delivery.event_sink import EventSink

EventSinkName = Literal["redis_stream"]


def open_event_sink(name: EventSinkName, *, redis: Redis) -> EventSink:
    """Open the sink of this name."""
    match name:
        case "redis_stream":
            from backend.delivery.event_sinks.redis_stream import RedisStreamSink

            return RedisStreamSink(redis=redis)
        case _:
            assert_never(name)
