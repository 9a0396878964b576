"""Opens the servers that everything is kept on, and closes them again."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from backend.db.sessions import Database
from backend.delivery.event_bus import SinkEventBus
from backend.delivery.event_sinks import open_event_sink
from backend.delivery.gauges import RedisGauges
from backend.dispatch.leader import LEADER_KEY
from backend.domain.errors import Unavailable
from backend.settings import Settings


def now() -> datetime:
    """Return the time, in UTC."""
    return datetime.now(UTC)


@asynccontextmanager
async def open_database(settings: Settings) -> AsyncIterator[Database]:
    """Open the database and close it again."""
    settings.make_home()
    database = Database(settings.database)
    try:
        yield database
    finally:
        await database.close()


@asynccontextmanager
async def open_redis(settings: Settings) -> AsyncIterator[Redis]:
    """Open a client of the Redis-protocol server and close it again.

    Raises:
        Unavailable: none is configured.

    """
    if settings.redis_url is None:
        raise Unavailable
    # Whoever asks a dead broker has a better place to wait than in a client that tries again.
    redis: Redis = Redis.from_url(
        settings.redis_url,
        socket_connect_timeout=3,
        health_check_interval=15,
        retry=Retry(NoBackoff(), 1),
    )
    try:
        yield redis
    finally:
        await redis.aclose()


def open_bus(redis: Redis) -> SinkEventBus:
    """Open the bus of job events."""
    return SinkEventBus(sink=open_event_sink("redis_stream", redis=redis))


def open_gauges(redis: Redis) -> RedisGauges:
    """Open what is measured of the lines."""
    return RedisGauges(redis=redis, leader_key=LEADER_KEY)
