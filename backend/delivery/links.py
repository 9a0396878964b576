"""Stored pictures for the use cases: their bytes, and signed links to them."""

import asyncio

from backend.domain.errors import ImageNotFound, Unavailable
from backend.service.ports import Clock
from storage.errors import InvalidImage, InvalidKey, ObjectNotFound, StorageError
from storage.formats import decode
from storage.image_store import ImageStore
from storage.thumbnails import veil


class StoredPictures:
    """Reads from the image store without holding up the event loop."""

    def __init__(self, *, images: ImageStore, clock: Clock) -> None:
        self._images = images
        self._clock = clock

    async def read(self, key: str) -> bytes:
        try:
            return await asyncio.to_thread(self._images.read, key)
        except (ObjectNotFound, InvalidKey) as error:
            raise ImageNotFound from error
        except StorageError as error:
            raise Unavailable from error

    async def veiled(self, key: str) -> bytes:
        data = await self.read(key)
        try:
            return await asyncio.to_thread(_veiled, data)
        except InvalidImage as error:
            raise ImageNotFound from error

    def link(self, key: str, *, ttl_s: int) -> str:
        return self._images.link(key, ttl_s, self._clock())


def _veiled(data: bytes) -> bytes:
    return veil(decode(data))
