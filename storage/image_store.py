"""Pictures as the other packages keep and read them: the files of one picture, byte for byte."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from storage.errors import InvalidImage, InvalidKey, ObjectNotFound
from storage.formats import ImageFormat, content_type, size_of, sniff
from storage.keys import (
    UPLOAD_PREFIX,
    check_key,
    check_public_key,
    check_readable_key,
    image_key,
    upload_key,
)
from storage.link_signer import LinkSigner
from storage.object_store import ObjectStore
from storage.purger import Purger
from storage.removal import LeadsSomewhere, RemovalProof, remove

ORIGINAL: Final = "original"


@dataclass(frozen=True, kw_only=True)
class KeptImage:
    """A stored picture: the original's digest and size, and for each file its key and digest."""

    sha256: str
    size_bytes: int
    width: int
    height: int
    keys: dict[str, str]
    digests: dict[str, str] = field(default_factory=dict)


class ImageStore:
    """Keeps pictures in an object store."""

    def __init__(
        self,
        *,
        objects: ObjectStore,
        links: LinkSigner | None = None,
        purger: Purger | None = None,
        leads_somewhere: LeadsSomewhere | None = None,
    ) -> None:
        """Take a store, who makes links if it is not the store itself, and what stands in front.

        `purger` is told of removals, `leads_somewhere` follows links that others serve.
        """
        self._objects = objects
        self._links = links or objects
        self._purger = purger
        self._leads_somewhere = leads_somewhere

    def keep(self, files: Mapping[str, bytes], *, name: str) -> KeptImage:
        """Store the files of a picture, untouched, by what each is for; one is the "original".

        `name`, a SHA-256, tells the picture: files that lie under it already stay, and are what is
        told of. The original is written last: where it exists, so do the others.

        Raises:
            InvalidImage: the original is no PNG, or a file is no picture.
            InvalidKey: the name is no SHA-256.
            StorageFull: there is no room.
            StorageUnavailable: the store cannot be used.

        """
        formats = {variant: sniff(data) for variant, data in files.items()}
        if formats.get(ORIGINAL) is not ImageFormat.PNG:
            raise InvalidImage("an original must be a PNG")
        width, height = size_of(files[ORIGINAL])
        keys = {variant: image_key(name, variant, formats[variant]) for variant in files}
        if self._objects.exists(keys[ORIGINAL]):
            kept = {variant: self._found(keys[variant], data) for variant, data in files.items()}
        else:
            kept = dict(files)
            for variant in sorted(files, key=lambda one: one == ORIGINAL):
                self._put(keys[variant], files[variant])
        digests = {variant: hashlib.sha256(data).hexdigest() for variant, data in kept.items()}
        return KeptImage(
            sha256=digests[ORIGINAL],
            size_bytes=len(kept[ORIGINAL]),
            width=width,
            height=height,
            keys=keys,
            digests=digests,
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
            links=self._links,
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
        return self._links.link(check_public_key(key), ttl_s, now)

    def _found(self, key: str, data: bytes) -> bytes:
        """Return what lies under a key; where nothing does, `data`, which does from now on."""
        try:
            return self._objects.get(key)
        except ObjectNotFound:
            self._put(key, data)
            return data

    def _put(self, key: str, data: bytes) -> None:
        self._objects.put(key, data, content_type(sniff(data)))
