"""Where jobs stand, on a real Valkey."""

from redis.asyncio import Redis

from backend.delivery.outlooks import TOLD_AT_ONCE, TOLD_TTL_S, RedisOutlooks
from backend.domain.families import ModelFamily
from backend.domain.outlook import Outlook
from backend.domain.requests import JobId
from tests.builders import a_job
from tests.fakes.servers import ValkeyServer

SDXL = ModelFamily.SDXL


def an_outlook(position: int) -> Outlook:
    return Outlook(position=position, p50_s=1.5, p90_s=3.0, why=f"{position} jobs begin before it.")


async def test_of_any_number_each_is_told_its_own(redis: Redis) -> None:
    outlooks = RedisOutlooks(redis=redis)
    count = 2 * TOLD_AT_ONCE + 1
    told = {JobId(f"gen_{place}"): an_outlook(place) for place in range(count)}
    await outlooks.tell(SDXL, told)
    for place in (0, TOLD_AT_ONCE, count - 1):
        assert await outlooks.of(a_job(id=JobId(f"gen_{place}"))) == an_outlook(place)
    [key] = await redis.keys("*")
    assert await redis.hlen(key) == count
    assert 0 < await redis.ttl(key) <= TOLD_TTL_S


async def test_what_is_told_replaces_what_was(redis: Redis) -> None:
    outlooks = RedisOutlooks(redis=redis)
    first, second = JobId("gen_1"), JobId("gen_2")
    await outlooks.tell(SDXL, {first: an_outlook(0), second: an_outlook(1)})
    await outlooks.tell(SDXL, {second: an_outlook(0)})
    assert await outlooks.of(a_job(id=first)) is None
    assert await outlooks.of(a_job(id=second)) == an_outlook(0)
    await outlooks.tell(SDXL, {})
    assert await outlooks.of(a_job(id=second)) is None
    assert await redis.keys("*") == []


async def test_a_server_that_is_away_knows_nothing(
    own_redis: Redis, valkey_server: ValkeyServer
) -> None:
    valkey_server.kill()
    assert await RedisOutlooks(redis=own_redis).of(a_job()) is None
