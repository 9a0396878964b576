"""A worker that dies hangs up; its job goes back long before its lease ends."""

from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta

import pytest
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from backend.contracts import lifeline_name
from backend.dispatch.lifelines import Lifelines
from backend.domain.jobs import JobState
from tests.fakes.servers import ValkeyServer
from tests.integration.dispatch.floor import Floor, eventually, started

Connect = Callable[[Floor, str], Awaitable[Redis]]


@pytest.fixture
async def connect() -> AsyncIterator[Connect]:
    """Connects as a worker does."""
    clients: list[Redis] = []

    async def connect(floor: Floor, worker: str) -> Redis:
        client: Redis = Redis.from_url(
            floor.redis_url, client_name=lifeline_name(worker), retry=Retry(NoBackoff(), 1)
        )
        clients.append(client)
        await client.ping()
        return client

    yield connect
    for client in clients:
        await client.aclose()


def lifelines(floor: Floor) -> Lifelines:
    return Lifelines(redis=floor.redis, clock=floor.now, gone_after=timedelta(seconds=3))


async def test_who_has_hung_up_is_gone_after_a_moment(floor: Floor, connect: Connect) -> None:
    seen = lifelines(floor)
    await connect(floor, "w1")
    leaving = await connect(floor, "w2")
    assert await seen.gone() == {}
    await leaving.aclose()

    async def is_gone() -> bool:
        floor.skip(1)
        return bool(await seen.gone())

    await eventually(is_gone)
    assert set(await seen.gone()) == {"w2"}


async def test_who_connects_again_in_time_was_never_gone(floor: Floor, connect: Connect) -> None:
    seen = lifelines(floor)
    worker = await connect(floor, "w1")
    await seen.gone()
    await worker.aclose()
    assert await seen.gone() == {}
    worker = await connect(floor, "w1")
    assert await seen.gone() == {}
    floor.skip(60)
    assert await seen.gone() == {}


async def test_a_worker_that_never_was_connected_cannot_have_hung_up(floor: Floor) -> None:
    seen = lifelines(floor)
    assert await seen.gone() == {}
    floor.skip(60)
    assert await seen.gone() == {}


async def test_after_a_restart_of_the_server_workers_have_time_to_come_back(
    own_floor: Floor, valkey_server: ValkeyServer, connect: Connect
) -> None:
    floor = own_floor
    seen = lifelines(floor)
    worker = await connect(floor, "w1")
    await seen.gone()
    valkey_server.kill()
    assert await seen.gone() == {}
    floor.skip(60)
    assert await seen.gone() == {}
    valkey_server.start()
    assert await seen.gone() == {}
    await worker.ping()
    floor.skip(60)
    assert await seen.gone() == {}


async def test_the_job_of_a_worker_that_died_is_sent_again_before_its_lease_ends(
    floor: Floor, connect: Connect
) -> None:
    job_id = await floor.submit()
    worker = await connect(floor, "w1")
    await floor.announce()
    async with floor.running():
        first = await floor.take()
        await floor.report(started(first))
        job = await floor.reaches(job_id, JobState.RENDERING)
        await is_looked_at(floor)
        await worker.aclose()
        await floor.is_queued(1)
        second = await floor.take()
        assert (second.job_id, second.attempt) == (job_id, 2)
        # No time was skipped: the lease of a minute has not ended.
        assert job.lease is not None
        assert floor.now() < job.lease.until
        await floor.draw(second)
        done = await floor.reaches(job_id, JobState.DELIVERED)
    assert (done.attempt, done.losses) == (2, 1)


async def is_looked_at(floor: Floor) -> None:
    """Wait until the dispatcher has asked who is connected, from beginning to end."""

    async def looks() -> int:
        stats = await floor.redis.info("commandstats")
        return int(stats.get("cmdstat_client|list", {}).get("calls", 0))

    before = await looks()

    async def has_looked() -> bool:
        return await looks() >= before + 2

    await eventually(has_looked)
