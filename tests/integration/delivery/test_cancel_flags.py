"""Cancel flags on a real Valkey."""

from redis.asyncio import Redis

from backend.contracts import cancel_key
from backend.delivery.cancel_flags import FLAG_TTL_S, RedisCancelFlags
from backend.domain.requests import JobId
from tests.fakes.servers import ValkeyServer


async def test_a_raised_flag_is_seen_and_goes_down_by_itself(redis: Redis) -> None:
    await RedisCancelFlags(redis=redis).raise_flag(JobId("gen_1"))
    assert await redis.exists(cancel_key("gen_1"))
    assert 0 < await redis.ttl(cancel_key("gen_1")) <= FLAG_TTL_S


async def test_a_dead_server_does_not_stand_in_the_way_of_cancelling(
    own_redis: Redis, valkey_server: ValkeyServer
) -> None:
    valkey_server.kill()
    await RedisCancelFlags(redis=own_redis).raise_flag(JobId("gen_1"))
