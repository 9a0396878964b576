"""Brings committed events to the bus: right after each commit, and again whenever that failed."""

import asyncio

import structlog

from backend.service.ports import EventBus, JobStore

BATCH = 200

_log = structlog.get_logger(__name__)


class Outbox:
    """Publishes what is committed and not yet published, in order of commit, each at least once."""

    def __init__(self, *, jobs: JobStore, bus: EventBus, patience_s: float = 2.0) -> None:
        self._jobs = jobs
        self._bus = bus
        self._patience_s = patience_s
        self._lock = asyncio.Lock()

    async def publish_pending(self) -> None:
        """Publish what is pending; a bus that is silent or slow leaves it for the reconciler."""
        try:
            await self._publish()
        except Exception as error:  # noqa: BLE001 - the change is committed already
            _log.warning("outbox_not_published", error=repr(error))

    async def _publish(self) -> None:
        async with self._lock:
            told: list[int] = []
            try:
                for stored in await self._jobs.unpublished(BATCH):
                    async with asyncio.timeout(self._patience_s):
                        await self._bus.publish(stored.event)
                    told.append(stored.sequence)
            finally:
                if told:
                    await self._jobs.mark_published(told)
