"""Reads a Redis Stream as one consumer of a group: what was not acked comes again.

Survives a lost connection and a wiped server. Entries left by a consumer that died are taken over
after a while; they may be older than what was read before, and may come twice.
"""

import asyncio
import socket
import time
from dataclasses import dataclass
from typing import Any, Final

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError, ResponseError

BATCH: Final = 100
RETRY_S: Final = (0.1, 0.2, 0.5, 1.0, 2.0)

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One entry of a stream. `payload` is None when the entry has no such field."""

    id: bytes
    payload: bytes | None


class GroupReader:
    """Reads one field of a stream's entries.

    A new group begins at `begin`: "$" for what comes from now on, "0" for all there is. `consumer`
    is best a name that outlives the process, so that a restart finds at once what it had in hand.
    """

    def __init__(
        self,
        *,
        redis: Redis,
        stream: str,
        field: str,
        group: str,
        begin: str = "0",
        consumer: str = "",
        block_ms: int = 2000,
        idle_ms: int = 60_000,
    ) -> None:
        self._redis = redis
        self._stream = stream
        self._field = field.encode()
        self._group = group
        self._begin = begin
        self._consumer = consumer or socket.gethostname()
        self._block_ms = block_ms
        self._idle_ms = idle_ms
        self._is_caught_up = False
        self._has_group = False
        self._own_since: bytes | None = b"0"
        self._claimed_at = -float("inf")

    @property
    def is_caught_up(self) -> bool:
        """Whether the last read reached the end of the stream, as it was then."""
        return self._is_caught_up

    async def read(self) -> list[Entry]:
        """Return the next entries; none after a while without any. Ack each before reading on."""
        for delay_s in (*RETRY_S, None):
            try:
                entries = await self._read()
            except ResponseError as error:
                if not str(error).startswith(("NOGROUP", "UNBLOCKED")):
                    raise
                # The server was wiped: whatever is in the stream now has not been read by anyone.
                self._has_group, self._begin = False, "0"
            except (RedisError, OSError) as error:
                _log.warning("stream_unreachable", stream=self._stream, error=str(error))
                self.rewind()
                self._raise_if_cancelled()
                await asyncio.sleep(RETRY_S[-1] if delay_s is None else delay_s)
            else:
                self._raise_if_cancelled()
                return entries
        return []

    def _raise_if_cancelled(self) -> None:
        """Raise the cancel that Python 3.11's wait_for, and so redis-py, may have swallowed."""
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            self._own_since = b"0"
            raise asyncio.CancelledError

    def rewind(self) -> None:
        """Begin again with what was read, by us or a namesake, and never acked."""
        self._own_since, self._is_caught_up = b"0", False

    async def ack(self, entry_id: bytes, *, delete: bool = False) -> None:
        """Be done with an entry; if that fails it comes again. `delete` if no other group reads."""
        try:
            async with self._redis.pipeline(transaction=False) as pipe:
                pipe.xack(self._stream, self._group, entry_id)
                if delete:
                    pipe.xdel(self._stream, entry_id)
                await pipe.execute()
        except (RedisError, OSError) as error:
            _log.warning("ack_failed", stream=self._stream, error=str(error))

    async def _read(self) -> list[Entry]:
        await self._ensure_group()
        if self._own_since is not None:
            entries = await self._read_from(self._own_since, block_ms=None)
            if entries:
                self._own_since = entries[-1].id
                return entries
            self._own_since = None
        if time.monotonic() - self._claimed_at >= self._idle_ms / 2000:
            entries = await self._claim()
            if entries:
                return entries
            self._claimed_at = time.monotonic()
        block_ms = self._block_ms if self._is_caught_up else None
        entries = await self._read_from(b">", block_ms=block_ms)
        self._is_caught_up = len(entries) < BATCH
        return entries

    async def _ensure_group(self) -> None:
        if self._has_group:
            return
        try:
            await self._redis.xgroup_create(
                self._stream, self._group, id=self._begin, mkstream=True
            )
        except ResponseError as error:
            if not str(error).startswith("BUSYGROUP"):
                raise
        self._has_group = True

    async def _read_from(self, since: bytes, *, block_ms: int | None) -> list[Entry]:
        answer: Any = await self._redis.xreadgroup(
            self._group,
            self._consumer,
            {self._stream: since},
            count=BATCH,
            block=block_ms,
        )
        return [entry for _, found in answer or () for entry in self._entries(found)]

    async def _claim(self) -> list[Entry]:
        answer: Any = await self._redis.xautoclaim(
            self._stream, self._group, self._consumer, min_idle_time=self._idle_ms, count=BATCH
        )
        return self._entries(answer[1])

    def _entries(self, found: list[tuple[bytes, dict[bytes, bytes] | None]]) -> list[Entry]:
        # An entry that was trimmed away while somebody had it in hand comes without fields.
        return [Entry(id=id_, payload=(fields or {}).get(self._field)) for id_, fields in found]
