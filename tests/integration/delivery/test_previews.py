"""Previews on a real Valkey: those of every attempt go, or it is said that they did not."""

import pytest
from redis.asyncio import Redis

from backend.contracts import preview_key
from backend.delivery.previews import RedisPreviews
from backend.domain.errors import Unavailable
from backend.domain.jobs import JobState
from tests.builders import a_job
from tests.fakes.servers import ValkeyServer


async def test_the_previews_of_all_attempts_are_forgotten_and_no_others(redis: Redis) -> None:
    job = a_job(state=JobState.RENDERING, attempt=3)
    other = a_job(state=JobState.RENDERING, attempt=1)
    for key in (preview_key(job.id, 1), preview_key(job.id, 3), preview_key(other.id, 1)):
        await redis.set(key, b"preview", ex=60)
    previews = RedisPreviews(redis=redis)
    assert await previews.of(job) == b"preview"
    await previews.forget(job)
    assert await previews.of(job) is None
    assert not await redis.exists(preview_key(job.id, 1))
    assert await previews.of(other) == b"preview"


async def test_of_a_job_that_never_began_there_is_nothing_to_forget(redis: Redis) -> None:
    await RedisPreviews(redis=redis).forget(a_job(attempt=0))


async def test_what_cannot_be_reached_is_not_said_to_be_gone(
    own_redis: Redis, valkey_server: ValkeyServer
) -> None:
    valkey_server.kill()
    with pytest.raises(Unavailable):
        await RedisPreviews(redis=own_redis).forget(a_job(attempt=1))
