"""Clients of real servers."""

from collections.abc import AsyncIterator

import pytest
from redis.asyncio import Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.fakes.servers import ValkeyServer


def client(url: str) -> Redis:
    return Redis.from_url(url, socket_timeout=5, retry=Retry(NoBackoff(), 1))


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    redis = client(redis_url)
    yield redis
    await redis.aclose()


@pytest.fixture
async def own_redis(valkey_server: ValkeyServer) -> AsyncIterator[Redis]:
    """A client of a server that this test may kill."""
    redis = client(valkey_server.url)
    yield redis
    await redis.aclose()
