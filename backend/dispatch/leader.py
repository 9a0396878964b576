"""One leader at a time, by a lock that runs out. Two for a moment do no harm: moves are fenced."""

import secrets
from typing import Final

from redis.asyncio import Redis

LEADER_KEY: Final = "impasto:leader"
ALIVE_KEY: Final = "impasto:alive:dispatcher"
LEADER_TTL_S: Final = 6.0

# A wiped server has forgotten who held the lock; the holder simply takes it again.
_ACQUIRE = """
local holder = redis.call('GET', KEYS[1])
if holder == false or holder == ARGV[1] then
  redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
  return 1
end
return 0
"""
_RELEASE = """
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', unpack(KEYS)) end
return 0
"""


class LeaderLock:
    """A named lock with a time to live, held by this object alone."""

    def __init__(self, *, redis: Redis, key: str = LEADER_KEY, ttl_s: float = LEADER_TTL_S) -> None:
        self._redis = redis
        self._key = key
        self._ttl_ms = int(ttl_s * 1000)
        self._token = secrets.token_hex(16)

    async def acquire(self) -> bool:
        """Take the lock if it is free, or hold on to it; True if this object has it now."""
        return bool(await self._redis.eval(_ACQUIRE, 1, self._key, self._token, str(self._ttl_ms)))

    async def release(self, *signs: str) -> None:
        """Give the lock back if this object holds it, and take down the `signs` that say so."""
        keys = (self._key, *signs)
        await self._redis.eval(_RELEASE, len(keys), *keys, self._token)
