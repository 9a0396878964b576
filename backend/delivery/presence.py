"""Who is there to draw, by the word of the GPU pool."""

import asyncio
from typing import Final

from redis.exceptions import RedisError

from backend.domain.errors import Unavailable
from backend.domain.families import ModelFamily
from backend.scheduling.gpu_pool import GpuPool

PATIENCE_S: Final = 2.0


class PoolPresence:
    """The families of the pool's live workers."""

    def __init__(self, *, pool: GpuPool) -> None:
        self._pool = pool

    async def families(self) -> frozenset[ModelFamily]:
        try:
            async with asyncio.timeout(PATIENCE_S):
                return frozenset(worker.family for worker in await self._pool.workers())
        except (RedisError, OSError) as error:
            # A timeout is an OSError too.
            raise Unavailable from error
