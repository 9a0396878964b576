"""Stored files, removed for good and looked for again."""

import asyncio

import structlog

from backend.domain.errors import Unavailable
from backend.service.ports import Clock
from backend.service.retention import Removed
from storage.errors import StorageError
from storage.image_store import ImageStore

_log = structlog.get_logger(__name__)


class StoredFiles:
    """Removes from the image store without holding up the event loop."""

    def __init__(self, *, images: ImageStore, clock: Clock) -> None:
        self._images = images
        self._clock = clock

    async def remove(self, keys: tuple[str, ...]) -> Removed:
        try:
            proof = await asyncio.to_thread(self._images.remove, keys, now=self._clock())
        except StorageError as error:
            raise Unavailable from error
        if not proof.is_complete:
            reason = proof.purge.reason if proof.purge else ""
            _log.warning("not_all_is_gone", remaining=len(proof.remaining), purge=reason)
        return Removed(is_complete=proof.is_complete, proof=proof.sha256)
