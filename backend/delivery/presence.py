"""Who is there to draw, by the word of the GPU pool."""

import asyncio
from typing import Final

from redis.exceptions import RedisError

from backend.domain.errors import Unavailable
from backend.domain.families import ModelFamily
from backend.scheduling.gpu_pool import GpuPool, LiveWorker

PATIENCE_S: Final = 2.0


class PoolPresence:
    """What the pool's live workers draw, and are steered by."""

    def __init__(self, *, pool: GpuPool) -> None:
        self._pool = pool

    async def families(self) -> frozenset[ModelFamily]:
        return frozenset(worker.family for worker in await self._workers())

    async def controlnets(self) -> frozenset[str]:
        return frozenset(name for worker in await self._workers() for name in worker.controlnets)

    async def _workers(self) -> list[LiveWorker]:
        try:
            async with asyncio.timeout(PATIENCE_S):
                return await self._pool.workers()
        except (RedisError, OSError) as error:
            # A timeout is an OSError too.
            raise Unavailable from error
