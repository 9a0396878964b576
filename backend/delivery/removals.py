"""The stored files of pictures, to be taken away, and the list of what never comes again."""

import asyncio
from collections.abc import Sequence

import structlog

from backend.delivery.foreign_pictures import read_picture
from backend.domain.errors import PictureInvalid, PictureTooLarge, Unavailable
from backend.service.ports import Clock
from safety.fingerprint import crops, dihedrals
from storage import errors as storage_errors
from storage.blocked import BlockedHashes
from storage.image_store import ImageStore
from storage.object_store import ObjectStore

_log = structlog.get_logger(__name__)


class StoredFiles:
    """The `PictureFiles` over the object store, without holding up the event loop."""

    def __init__(self, *, objects: ObjectStore, images: ImageStore, clock: Clock) -> None:
        self._images = images
        self._blocked = BlockedHashes(objects=objects)
        self._clock = clock

    async def fingerprints_of(self, data: bytes) -> tuple[str, ...]:
        return await asyncio.to_thread(_fingerprints, data)

    async def fingerprint_of_stored(self, key: str) -> str:
        try:
            data = await asyncio.to_thread(self._images.read, key)
            found = await asyncio.to_thread(_fingerprints, data)
        except (storage_errors.StorageError, PictureInvalid, PictureTooLarge):
            return ""
        return found[0] if found else ""

    async def prints_of_stored(self, key: str) -> tuple[str, ...]:
        try:
            data = await asyncio.to_thread(self._images.read, key)
            return await asyncio.to_thread(_prints_with_parts, data)
        except (storage_errors.StorageError, PictureInvalid, PictureTooLarge):
            return ()

    async def remove(self, keys: Sequence[str]) -> tuple[dict[str, bool], str]:
        try:
            proof = await asyncio.to_thread(self._images.remove, keys, now=self._clock())
        except storage_errors.InvalidKey:
            return {}, ""
        except storage_errors.StorageError as error:
            raise Unavailable from error
        if not proof.is_complete:
            reason = proof.purge.reason if proof.purge else ""
            _log.warning("not_all_is_gone", remaining=len(proof.remaining), purge=reason)
        is_told = proof.purge is None or proof.purge.is_accepted
        return {one.key: one.is_gone and is_told for one in proof.keys}, proof.sha256

    async def block(self, fingerprint: str, entry: str) -> None:
        try:
            await asyncio.to_thread(self._blocked.block, fingerprint, entry)
        except storage_errors.StorageError as error:
            raise Unavailable from error


def _prints_with_parts(data: bytes) -> tuple[str, ...]:
    pixels = read_picture(data)
    prints = [one for part in (pixels, *crops(pixels)) for one in dihedrals(part)]
    return tuple(one.hex for one in prints if one.is_telling)


def _fingerprints(data: bytes) -> tuple[str, ...]:
    return tuple(one.hex for one in dihedrals(read_picture(data)) if one.is_telling)
