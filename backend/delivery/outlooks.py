"""Where waiting jobs stand, in Valkey: written by the dispatcher, read by whoever is asked."""

import asyncio
import json
import secrets
from collections.abc import Mapping
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
# Of thousands at once, nobody else would get a turn while they are packed and sent.
TOLD_AT_ONCE: Final = 250
# Nobody waits long to be told how long they wait.
PATIENCE_S: Final = 1.0

_log = structlog.get_logger(__name__)


class RedisOutlooks:
    """One hash a family, replaced as a whole; a server that is away knows nothing."""

    def __init__(self, *, redis: Redis) -> None:
        self._redis = redis

    async def tell(self, family: ModelFamily, outlooks: Mapping[JobId, Outlook]) -> None:
        if not outlooks:
            await self._redis.delete(_key(family))
            return
        draft = f"{_key(family)}:{secrets.token_hex(4)}"
        for told in await asyncio.to_thread(_encoded, outlooks):
            async with self._redis.pipeline(transaction=True) as pipeline:
                pipeline.hset(draft, mapping=told)
                pipeline.expire(draft, TOLD_TTL_S)
                await pipeline.execute()
        # With its time to live.
        await self._redis.rename(draft, _key(family))

    async def of(self, job: Job) -> Outlook | None:
        try:
            async with asyncio.timeout(PATIENCE_S):
                told = await self._redis.hget(_key(job.spec.family), job.id)
        except (RedisError, OSError) as error:
            _log.warning("outlook_unreachable", error=repr(error))
            return None
        return None if told is None else Outlook(**json.loads(told))


def _encoded(outlooks: Mapping[JobId, Outlook]) -> list[dict[FieldT, EncodableT]]:
    """Return what is told, in parts that are sent one after the other."""
    told = [(job_id, json.dumps(vars(outlook))) for job_id, outlook in outlooks.items()]
    return [dict(told[start : start + TOLD_AT_ONCE]) for start in range(0, len(told), TOLD_AT_ONCE)]


def _key(family: ModelFamily) -> str:
    return f"impasto:outlooks:{family}"
