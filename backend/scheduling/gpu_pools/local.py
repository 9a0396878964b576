"""The workers that announce themselves in Valkey, on this host or another."""

import time
from collections.abc import Callable

import structlog
from pydantic import ValidationError
from redis.asyncio import Redis

from backend.contracts import WORKER_KEYS, parse_presence
from backend.domain.families import ModelFamily
from backend.scheduling.gpu_pool import LiveWorker

_log = structlog.get_logger(__name__)


class LocalPool:
    """Every worker whose presence key has not run out.

    What known workers say is read afresh each time; new ones are looked for every `find_every_s`,
    because that means to walk over all keys of the server.
    """

    def __init__(
        self,
        *,
        redis: Redis,
        find_every_s: float = 0.5,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._redis = redis
        self._find_every_s = find_every_s
        self._clock = clock
        self._keys: list[bytes] = []
        self._found_at = -float("inf")

    async def workers(self) -> list[LiveWorker]:
        if self._clock() - self._found_at >= self._find_every_s:
            found = self._redis.scan_iter(match=WORKER_KEYS, count=1000)
            # A scan may name a key twice.
            self._keys = sorted({key async for key in found})
            self._found_at = self._clock()
        values = await self._redis.mget(self._keys) if self._keys else []
        read = (_read(key, value) for key, value in zip(self._keys, values, strict=True))
        return [worker for worker in read if worker is not None]


def _read(key: bytes, value: bytes | str | None) -> LiveWorker | None:
    """Read one presence key; None when it has just run out or is not one of ours."""
    if value is None:
        return None
    try:
        _, _, family, name = key.decode().split(":", 3)
        presence = parse_presence(value)
        return LiveWorker(
            name=name,
            family=ModelFamily(family),
            slots=presence.slots,
            wants=presence.wants,
            adapters=frozenset(presence.adapters),
            controlnets=frozenset(presence.controlnets),
            has_own_queue=presence.has_own_queue,
        )
    except (ValueError, ValidationError):
        _log.warning("worker_presence_unreadable", key=key)
        return None
