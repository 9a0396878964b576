"""Who has hung up: a process that dies takes its connections along at once, whatever killed it."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from backend.contracts import lifeline_worker
from backend.service.ports import Clock

# A live worker whose connection was cut makes another with its next beat.
GONE_AFTER: Final = timedelta(seconds=3)

_log = structlog.get_logger(__name__)


class Lifelines:
    """Looks at the server's list of clients for the connections that workers have named.

    A worker that was seen connected and has not been for a while is gone. One that is stopped, or
    whose host lost its power or its network, still seems connected: its lease runs out.
    """

    def __init__(self, *, redis: Redis, clock: Clock, gone_after: timedelta = GONE_AFTER) -> None:
        self._redis = redis
        self._clock = clock
        self._gone_after = gone_after
        self._connected: set[str] = set()
        self._missed: dict[str, datetime] = {}

    async def gone(self) -> Mapping[str, datetime]:
        """Return who is gone, and by when each was; nobody while the server cannot be asked."""
        try:
            clients: list[dict[str, Any]] = await self._redis.client_list()
        except (RedisError, OSError) as error:
            # It may be starting again: then everybody has to connect anew, and may take a while.
            self._missed.clear()
            _log.warning("lifelines_unseen", error=str(error))
            return {}
        now = self._clock()
        connected = {worker for client in clients if (worker := lifeline_worker(client["name"]))}
        self._missed = {
            worker: self._missed.get(worker, now) for worker in self._connected - connected
        }
        self._connected |= connected
        return {
            worker: since
            for worker, since in self._missed.items()
            if now - since >= self._gone_after
        }

    def forget(self, worker: str) -> None:
        """Look after a worker that is gone no more."""
        self._connected.discard(worker)
        self._missed.pop(worker, None)
