"""Flags in Valkey at which a drawing worker looks between steps."""

import asyncio
from typing import Final

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from backend.contracts import cancel_key
from backend.domain.requests import JobId

FLAG_TTL_S: Final = 3600
PATIENCE_S: Final = 2.0

_log = structlog.get_logger(__name__)


class RedisCancelFlags:
    """Raises flags that go down by themselves after an hour.

    The job is cancelled in the store before its flag is raised. Where that failed, it is raised at
    the worker's next step that is reported. So a server that does not answer is no reason to fail.
    """

    def __init__(self, *, redis: Redis) -> None:
        self._redis = redis

    async def raise_flag(self, job_id: JobId) -> None:
        try:
            async with asyncio.timeout(PATIENCE_S):
                await self._redis.set(cancel_key(job_id), b"1", ex=FLAG_TTL_S)
        except (RedisError, OSError) as error:
            _log.warning("cancel_flag_not_raised", job_id=job_id, error=repr(error))
