"""The stored files of pictures, to be taken away, and the list of what never comes again."""

import asyncio
from collections.abc import Sequence

from backend.domain.errors import PictureInvalid, PictureTooLarge, Unavailable
from backend.service.ports import Clock
from safety.fingerprint import dihedrals
from storage import errors as storage_errors
from storage.blocked import BlockedHashes
from storage.formats import read_foreign
from storage.image_store import ImageStore
from storage.object_store import ObjectStore

PIXELS_MAX = 50_000_000
SIDE_MAX = 2048


class StoredFiles:
    """The `PictureFiles` over the object store, without holding up the event loop."""

    def __init__(self, *, objects: ObjectStore, images: ImageStore, clock: Clock) -> None:
        self._images = images
        self._blocked = BlockedHashes(objects=objects)
        self._clock = clock

    async def fingerprints_of(self, data: bytes) -> tuple[str, ...]:
        try:
            return await asyncio.to_thread(_fingerprints, data)
        except storage_errors.ImageTooLarge as error:
            raise PictureTooLarge(limit=f"at most {PIXELS_MAX // 10**6} megapixels") from error
        except storage_errors.InvalidImage as error:
            raise PictureInvalid from error

    async def fingerprint_of_stored(self, key: str) -> str:
        try:
            data = await asyncio.to_thread(self._images.read, key)
            found = await asyncio.to_thread(_fingerprints, data)
        except storage_errors.StorageError:
            return ""
        return found[0] if found else ""

    async def remove(self, keys: Sequence[str]) -> tuple[dict[str, bool], str]:
        try:
            proof = await asyncio.to_thread(self._images.remove, keys, now=self._clock())
        except storage_errors.InvalidKey:
            return {}, ""
        except storage_errors.StorageError as error:
            raise Unavailable from error
        is_told = proof.purge is None or proof.purge.is_accepted
        return {one.key: one.is_gone and is_told for one in proof.keys}, f"sha256:{proof.sha256}"

    async def block(self, fingerprint: str, entry: str) -> None:
        try:
            await asyncio.to_thread(self._blocked.block, fingerprint, entry)
        except storage_errors.StorageError as error:
            raise Unavailable from error


def _fingerprints(data: bytes) -> tuple[str, ...]:
    pixels = read_foreign(data, max_pixels=PIXELS_MAX, max_side=SIDE_MAX)
    return tuple(one.hex for one in dihedrals(pixels) if one.is_telling)
