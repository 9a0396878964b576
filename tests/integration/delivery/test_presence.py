"""Who is there, on a real Valkey."""

import pytest
from redis.asyncio import Redis

from backend.contracts import worker_key
from backend.delivery.presence import PoolPresence
from backend.domain.errors import Unavailable
from backend.domain.families import ModelFamily
from backend.scheduling.gpu_pools.local import LocalPool
from tests.fakes.servers import ValkeyServer


async def test_a_family_is_there_while_a_worker_says_so(redis: Redis) -> None:
    presence = PoolPresence(pool=LocalPool(redis=redis, find_every_s=0))
    assert ModelFamily.FLUX not in await presence.families()
    await redis.set(worker_key(ModelFamily.FLUX, "w1"), 1, ex=60)
    assert ModelFamily.FLUX in await presence.families()
    await redis.delete(worker_key(ModelFamily.FLUX, "w1"))
    assert ModelFamily.FLUX not in await presence.families()


async def test_a_dead_server_cannot_tell(own_redis: Redis, valkey_server: ValkeyServer) -> None:
    valkey_server.kill()
    with pytest.raises(Unavailable):
        await PoolPresence(pool=LocalPool(redis=own_redis)).families()
