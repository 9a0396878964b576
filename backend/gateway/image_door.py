"""The door through which pictures of the local object store leave: signed links only.

Whoever looks at a small file of a picture that many look at asks for a larger one next; it is
fetched before they do.
"""

import asyncio
from collections.abc import Mapping
from typing import Protocol

import structlog

from backend.domain.errors import ImageNotFound, LinkRefused, Unavailable
from backend.domain.results import folder_of
from backend.gateway.popular import Kept, PopularPictures
from backend.service.moderation_ports import WithheldPictures
from backend.service.ports import Clock
from storage import errors as storage_errors
from storage import signing
from storage.formats import content_type_of
from storage.object_store import ObjectStore

_log = structlog.get_logger()


class ImageDoor(Protocol):
    """Opens stored pictures to whoever holds a valid link."""

    async def open(self, key: str, query: Mapping[str, str]) -> tuple[bytes, str]:
        """Return an object's bytes and content type.

        Raises:
            LinkRefused: the link has expired or was altered, or the picture is withheld.
            ImageNotFound: there is no such object.
            Unavailable: the store does not answer.

        """


class LocalImageDoor:
    """Opens a local object store by the links our own signing keys made."""

    def __init__(
        self,
        *,
        objects: ObjectStore,
        signing_keys: Mapping[str, bytes],
        withheld: WithheldPictures,
        clock: Clock,
    ) -> None:
        self._objects = objects
        self._withheld = withheld
        self._signing_keys = dict(signing_keys)
        self._clock = clock
        self._popular = PopularPictures()
        self._fetching: set[asyncio.Task[None]] = set()

    async def open(self, key: str, query: Mapping[str, str]) -> tuple[bytes, str]:
        try:
            signing.verify(key, query, self._clock(), signing_keys=self._signing_keys)
            if await self._withheld.holds(key):
                raise LinkRefused
            return await self._read(key)
        except (storage_errors.LinkRefused, storage_errors.InvalidKey) as error:
            raise LinkRefused from error
        except storage_errors.ObjectNotFound as error:
            raise ImageNotFound from error
        except storage_errors.StorageError as error:
            _log.warning("object_store_broke", code=error.code)
            raise Unavailable from error

    async def _read(self, key: str) -> tuple[bytes, str]:
        """Return a picture, from memory if many want it and it has not been removed meanwhile."""
        kept = self._popular.want(key)
        if kept is not None and await asyncio.to_thread(self._objects.exists, key):
            return kept.data, kept.content_type
        self._popular.drop(key)
        data = await asyncio.to_thread(self._objects.get, key)
        read = _kept(key, data)
        self._popular.offer(key, read)
        if self._popular.is_becoming(key):
            task = asyncio.create_task(self._fetch_others(key))
            self._fetching.add(task)
            task.add_done_callback(self._fetching.discard)
        return read.data, read.content_type

    async def _fetch_others(self, key: str) -> None:
        """Fetch the other files of a picture, which brings them up from colder folders as well.

        They leave by links of their own, after the same questions as any file.
        """
        try:
            for other, data in await asyncio.to_thread(self._others, key):
                self._popular.expect(other, _kept(other, data))
        except storage_errors.StorageError as error:
            # Whoever asks for them is told what is wrong.
            _log.warning("not_fetched_ahead", code=error.code)

    def _others(self, key: str) -> list[tuple[str, bytes]]:
        names = self._objects.list_keys(folder_of(key) + "/")
        return [(name, self._objects.get(name)) for name in names if name != key]


def _kept(key: str, data: bytes) -> Kept:
    return Kept(data=data, content_type=content_type_of(key))
