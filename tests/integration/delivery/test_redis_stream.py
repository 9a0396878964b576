"""Events on a real Valkey."""

import asyncio

import pytest
from redis.asyncio import Redis
from redis.exceptions import ConnectionError as RedisConnectionError

from backend.delivery.event_sinks import open_event_sink
from backend.delivery.event_sinks.redis_stream import (
    EVENT_STREAM,
    EVENTS_KEPT,
    RedisStreamSink,
)
from tests.fakes.servers import ValkeyServer

PATIENCE_S = 20.0


class Listener:
    """A listener that is there at once, and done with an event when it hears the next."""

    def __init__(self, sink: RedisStreamSink, group: str) -> None:
        self._events = sink.listen(group)
        self._hearing: asyncio.Task[bytes] | None = asyncio.create_task(self._next())

    async def _next(self) -> bytes:
        return await anext(self._events)

    async def hear(self) -> bytes:
        hearing = self._hearing or asyncio.create_task(self._next())
        self._hearing = None
        async with asyncio.timeout(PATIENCE_S):
            return await hearing

    async def crash(self) -> None:
        """Go away without being done with what was heard last."""
        if self._hearing is not None:
            self._hearing.cancel()
            await asyncio.wait({self._hearing})
        await self._events.aclose()


def a_sink(redis: Redis, *, consumer: str = "host", idle_ms: int = 60_000) -> RedisStreamSink:
    return RedisStreamSink(redis=redis, consumer=consumer, block_ms=50, idle_ms=idle_ms)


async def is_there(redis: Redis, *groups: str) -> None:
    """Wait until groups of listeners exist."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            found = await redis.xinfo_groups(EVENT_STREAM) if await _exists(redis) else []
            if {group["name"].decode() for group in found} >= set(groups):
                return
            await asyncio.sleep(0.01)


async def _exists(redis: Redis) -> bool:
    return bool(await redis.exists(EVENT_STREAM))


async def test_each_group_hears_every_event_in_order(redis: Redis) -> None:
    sink = a_sink(redis)
    bot, gateway = Listener(sink, "bot"), Listener(sink, "gateway")
    await is_there(redis, "bot", "gateway")
    for payload in (b"1", b"2", b"3"):
        await sink.publish(payload)
    assert [await bot.hear() for _ in range(3)] == [b"1", b"2", b"3"]
    assert [await gateway.hear() for _ in range(3)] == [b"1", b"2", b"3"]
    await bot.crash()
    await gateway.crash()


async def test_a_new_group_hears_what_comes_from_now_on(redis: Redis) -> None:
    sink = a_sink(redis)
    await sink.publish(b"past")
    listener = Listener(sink, "bot")
    await is_there(redis, "bot")
    await sink.publish(b"now")
    assert await listener.hear() == b"now"
    await listener.crash()


async def test_a_restarted_listener_hears_again_what_it_was_not_done_with(redis: Redis) -> None:
    sink = a_sink(redis)
    first = Listener(sink, "bot")
    await is_there(redis, "bot")
    for payload in (b"1", b"2", b"3"):
        await sink.publish(payload)
    assert await first.hear() == b"1"
    assert await first.hear() == b"2"
    await first.crash()
    again = Listener(a_sink(redis), "bot")
    assert [await again.hear() for _ in range(2)] == [b"2", b"3"]
    await sink.publish(b"4")
    assert await again.hear() == b"4"
    await again.crash()


async def test_what_a_dead_consumer_had_in_hand_is_taken_over(redis: Redis) -> None:
    dead = Listener(a_sink(redis, consumer="dead"), "bot")
    await is_there(redis, "bot")
    await a_sink(redis).publish(b"1")
    assert await dead.hear() == b"1"
    await dead.crash()
    heir = Listener(a_sink(redis, consumer="heir", idle_ms=10), "bot")
    assert await heir.hear() == b"1"
    await heir.crash()


async def test_a_wiped_server_loses_the_past_but_no_listener(redis: Redis) -> None:
    sink = a_sink(redis)
    listener = Listener(sink, "bot")
    await is_there(redis, "bot")
    await redis.flushall()
    await sink.publish(b"after")
    assert await listener.hear() == b"after"
    await listener.crash()


async def test_a_server_that_dies_and_comes_back_is_waited_for(
    own_redis: Redis, valkey_server: ValkeyServer
) -> None:
    sink = a_sink(own_redis)
    listener = Listener(sink, "bot")
    await is_there(own_redis, "bot")
    valkey_server.kill()
    with pytest.raises(RedisConnectionError):
        await sink.publish(b"lost")
    valkey_server.start()
    await sink.publish(b"after")
    assert await listener.hear() == b"after"
    await listener.crash()


async def test_the_stream_does_not_grow_for_ever(redis: Redis) -> None:
    sink = a_sink(redis)
    async with redis.pipeline(transaction=False) as pipe:
        for _ in range(EVENTS_KEPT + 500):
            pipe.xadd(EVENT_STREAM, {"event": b"x"})
        await pipe.execute()
    await sink.publish(b"y")
    # Trimmed by whole nodes of a hundred entries.
    assert EVENTS_KEPT <= await redis.xlen(EVENT_STREAM) <= EVENTS_KEPT + 200


async def test_a_listener_is_cancelled_whatever_it_is_doing(redis: Redis) -> None:
    for turns in range(30):
        await redis.flushall()
        listener = Listener(a_sink(redis), "bot")
        for _ in range(turns):
            await asyncio.sleep(0)
        async with asyncio.timeout(PATIENCE_S):
            await listener.crash()


async def test_the_shelf_opens_the_stream(redis: Redis) -> None:
    assert isinstance(open_event_sink("redis_stream", redis=redis), RedisStreamSink)
