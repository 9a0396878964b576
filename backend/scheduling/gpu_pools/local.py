"""The workers that announce themselves in Valkey, on this host or another."""

import structlog
from redis.asyncio import Redis

from backend.contracts import WORKER_KEYS
from backend.domain.families import ModelFamily

_log = structlog.get_logger(__name__)


class LocalPool:
    """Counts the slots of every worker whose presence key has not run out."""

    def __init__(self, *, redis: Redis) -> None:
        self._redis = redis

    async def slots(self) -> dict[ModelFamily, int]:
        keys = [key async for key in self._redis.scan_iter(match=WORKER_KEYS, count=1000)]
        values = await self._redis.mget(keys) if keys else []
        slots: dict[ModelFamily, int] = {}
        # A scan may name a key twice.
        for key, value in dict(zip(keys, values, strict=True)).items():
            parsed = _parse(key, value)
            if parsed is not None:
                family, count = parsed
                slots[family] = slots.get(family, 0) + count
        return slots


def _parse(key: bytes, value: bytes | None) -> tuple[ModelFamily, int] | None:
    """Read one presence key; None when it has just run out or is not one of ours."""
    if value is None:
        return None
    try:
        return ModelFamily(key.decode().split(":")[2]), max(0, int(value))
    except (ValueError, IndexError):
        _log.warning("worker_presence_unreadable", key=key)
        return None
