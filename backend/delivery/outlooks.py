"""Where waiting jobs stand, in Valkey: written by the dispatcher, read by whoever is asked."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Final

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError
from redis.typing import EncodableT, FieldT

from backend.domain.families import ModelFamily
from backend.domain.jobs import Job
from backend.domain.outlook import Outlook
from backend.domain.requests import JobId

# Told anew every second; what is older than this is worse than nothing.
TOLD_TTL_S: Final = 15

_log = structlog.get_logger(__name__)


class RedisOutlooks:
    """One hash a family, replaced as a whole; a server that is away knows nothing."""

    def __init__(self, *, redis: Redis) -> None:
        self._redis = redis

    async def tell(self, family: ModelFamily, outlooks: Mapping[JobId, Outlook]) -> None:
        told: dict[FieldT, EncodableT] = {
            job_id: json.dumps(asdict(outlook)) for job_id, outlook in outlooks.items()
        }
        async with self._redis.pipeline(transaction=True) as pipeline:
            pipeline.delete(_key(family))
            if told:
                pipeline.hset(_key(family), mapping=told)
                pipeline.expire(_key(family), TOLD_TTL_S)
            await pipeline.execute()

    async def of(self, job: Job) -> Outlook | None:
        try:
            told = await self._redis.hget(_key(job.spec.family), job.id)
        except (RedisError, OSError) as error:
            _log.warning("outlook_unreachable", error=repr(error))
            return None
        return None if told is None else Outlook(**json.loads(told))


def _key(family: ModelFamily) -> str:
    return f"impasto:outlooks:{family}"
