"""Pictures as the other packages keep and read them: an original and its smaller copies."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from storage.errors import InvalidImage, InvalidKey
from storage.formats import (
    ImageFormat,
    content_type,
    decode,
    encode_webp,
    size_of,
    sniff,
)
from storage.keys import (
    UPLOAD_PREFIX,
    check_key,
    check_public_key,
    check_readable_key,
    image_key,
    upload_key,
)
from storage.object_store import ObjectStore
from storage.purger import Purger
from storage.removal import LeadsSomewhere, RemovalProof, remove
from storage.thumbnails import SIDES_PX, thumbnail


@dataclass(frozen=True, kw_only=True)
class KeptImage:
    """A stored picture; `keys` has "original", "webp", "thumbnail_256" and "thumbnail_512"."""

    sha256: str
    size_bytes: int
    width: int
    height: int
    keys: dict[str, str]


class ImageStore:
    """Keeps pictures in an object store."""

    def __init__(
        self,
        *,
        objects: ObjectStore,
        purger: Purger | None = None,
        leads_somewhere: LeadsSomewhere | None = None,
    ) -> None:
        """Take a store, what is told of removals, and what follows links that others serve."""
        self._objects = objects
        self._purger = purger
        self._leads_somewhere = leads_somewhere

    def keep(self, png_bytes: bytes) -> KeptImage:
        """Store a PNG, byte for byte, with its WebP and thumbnails; a second time changes nothing.

        The original is written last: where it exists, so do the others.

        Raises:
            InvalidImage: the bytes are no PNG, or a damaged or too large one.
            StorageFull: there is no room.
            StorageUnavailable: the store cannot be used.

        """
        if sniff(png_bytes) is not ImageFormat.PNG:
            raise InvalidImage("an original must be a PNG")
        width, height = size_of(png_bytes)
        sha256 = hashlib.sha256(png_bytes).hexdigest()
        keys = _keys(sha256)
        if not self._objects.exists(keys["original"]):
            self._put_copies(png_bytes, keys)
            self._objects.put(keys["original"], png_bytes, content_type(ImageFormat.PNG))
        return KeptImage(
            sha256=sha256, size_bytes=len(png_bytes), width=width, height=height, keys=keys
        )

    def keep_upload(self, upload_id: str, png_bytes: bytes) -> str:
        """Store a PNG that somebody gave us, without copies, and return its key.

        Raises:
            InvalidImage: the bytes are no PNG.
            StorageFull: there is no room.
            StorageUnavailable: the store cannot be used.

        """
        if sniff(png_bytes) is not ImageFormat.PNG:
            raise InvalidImage("an upload is kept as a PNG")
        key = upload_key(upload_id)
        self._objects.put(key, png_bytes, content_type(ImageFormat.PNG))
        return key

    def drop_upload(self, key: str) -> None:
        """Remove an upload; a missing one is fine.

        Raises:
            InvalidKey: the key is malformed or no upload's.
            StorageUnavailable: the store cannot be used.

        """
        if not check_key(key).startswith(UPLOAD_PREFIX):
            raise InvalidKey(f"only {UPLOAD_PREFIX} is dropped here, not {key[:80]!r}")
        self._objects.delete(key)

    def remove(self, keys: Iterable[str], *, now: datetime) -> RemovalProof:
        """Remove pictures or copies for good and prove it; see `storage.removal.remove`.

        Two jobs with the same pixels share their files: ask first whether others refer to them.

        Raises:
            InvalidKey: one of them is malformed or lies outside `images/`; nothing was removed.
            StorageUnavailable: the store cannot be used; remove them again.

        """
        return remove(
            self._objects,
            keys,
            now=now,
            purger=self._purger,
            leads_somewhere=self._leads_somewhere,
        )

    def read(self, key: str) -> bytes:
        """Return the bytes of a kept picture, one of its copies, or an upload.

        Raises:
            InvalidKey: the key is malformed or of another kind.
            ObjectNotFound: there is no such object.
            StorageUnavailable: the store cannot be used.

        """
        return self._objects.get(check_readable_key(key))

    def link(self, key: str, ttl_s: int, now: datetime) -> str:
        """Return a URL by which anyone may GET the picture until `now` + `ttl_s`.

        Raises:
            InvalidKey: the key is malformed or lies outside `images/`.

        """
        return self._objects.link(check_public_key(key), ttl_s, now)

    def _put_copies(self, png_bytes: bytes, keys: dict[str, str]) -> None:
        image = decode(png_bytes)
        copies = {"webp": encode_webp(image)}
        copies |= {f"thumbnail_{side_px}": thumbnail(image, side_px) for side_px in SIDES_PX}
        for variant, data in copies.items():
            self._objects.put(keys[variant], data, content_type(ImageFormat.WEBP))


def _keys(sha256: str) -> dict[str, str]:
    keys = {"original": image_key(sha256, "original", ImageFormat.PNG)}
    copies = ["webp", *(f"thumbnail_{side_px}" for side_px in SIDES_PX)]
    return keys | {copy: image_key(sha256, copy, ImageFormat.WEBP) for copy in copies}
