"""Who is there, on a real Valkey."""

import asyncio
from pathlib import Path

import pytest
from redis.asyncio import Redis

from backend.bootstrap.opening import open_services
from backend.contracts import worker_key
from backend.db.migrate import upgrade
from backend.delivery.presence import PoolPresence
from backend.domain.errors import NoLiveWorker, Unavailable
from backend.domain.families import ModelFamily
from backend.domain.jobs import JobState
from backend.scheduling.gpu_pools.local import LocalPool
from backend.service.services import Services
from backend.settings import Settings
from tests.builders import a_request
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


async def test_services_refuse_what_nobody_was_there_for_and_accept_it_when_somebody_comes(
    redis: Redis, redis_url: str, tmp_path: Path
) -> None:
    settings = Settings(
        home=tmp_path,
        redis_url=redis_url,
        families=(ModelFamily.SD3, ModelFamily.FLUX),
        worker_patience_s=0.05,
    )
    await asyncio.to_thread(upgrade, settings.database)
    await redis.set(worker_key(ModelFamily.FLUX, "w1"), 1, ex=60)
    try:
        async with open_services(settings) as services, asyncio.timeout(30):
            while services.fleet.live() != (ModelFamily.FLUX,):  # noqa: ASYNC110 - looks by itself
                await asyncio.sleep(0.01)
            with pytest.raises(NoLiveWorker) as refusal:
                await until_refused(services)
            assert refusal.value.live == (ModelFamily.FLUX,)
            unchosen = await services.generations.submit(a_request())
            assert unchosen.job.spec.family is ModelFamily.FLUX
            await redis.set(worker_key(ModelFamily.SD3, "w2"), 1, ex=60)
            while ModelFamily.SD3 not in services.fleet.live():  # noqa: ASYNC110 - looks by itself
                await asyncio.sleep(0.01)
            view = await services.generations.submit(a_request(family=ModelFamily.SD3))
            assert view.job.state is JobState.QUEUED
            assert view.cost.held_s > 0
    finally:
        for family, name in ((ModelFamily.FLUX, "w1"), (ModelFamily.SD3, "w2")):
            await redis.delete(worker_key(family, name))


async def until_refused(services: Services) -> None:
    """Ask until the patience with a missing worker has run out; what was accepted just waits."""
    while True:
        await services.generations.submit(a_request(family=ModelFamily.SD3))
        await asyncio.sleep(0.01)
