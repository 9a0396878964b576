"""Pictures on their way, in Valkey: left there checked by workers, they end by themselves."""

import asyncio
from typing import Final

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from backend.contracts import preview_key
from backend.domain.errors import Unavailable
from backend.domain.jobs import Job

# Whoever is shown none sees the pictures a little later.
PATIENCE_S: Final = 1.0

_log = structlog.get_logger(__name__)


class RedisPreviews:
    """Reads one key for each attempt; a server that is away has nothing to show."""

    def __init__(self, *, redis: Redis) -> None:
        self._redis = redis

    async def of(self, job: Job) -> bytes | None:
        try:
            async with asyncio.timeout(PATIENCE_S):
                found = await self._redis.get(preview_key(job.id, job.attempt))
        except (RedisError, OSError) as error:
            _log.warning("preview_unreachable", error=repr(error))
            return None
        return found if isinstance(found, bytes) else None

    async def forget(self, job: Job) -> None:
        keys = [preview_key(job.id, attempt) for attempt in range(1, job.attempt + 1)]
        if not keys:
            return
        try:
            async with asyncio.timeout(PATIENCE_S):
                await self._redis.delete(*keys)
                left = await self._redis.exists(*keys)
        except (RedisError, OSError) as error:
            raise Unavailable from error
        if left:
            raise Unavailable
