"""What can go wrong with stored pictures.

StorageError
├── InvalidKey           not a key we would ever write, or not one that outsiders may be sent to
├── InvalidImage         bytes that are not a picture we keep
│   └── ImageTooLarge    one with too many pixels
├── ObjectNotFound       there is nothing under this key
├── LinkRefused          a link that expired, was altered, or names a signing key we do not have
├── StorageFull          no room left; trying again at once will not help
└── StorageUnavailable   the store cannot be reached, refuses us, or is set up wrongly
    └── ObjectCold       it is in an archive, and being fetched: ask again in some hours
"""

from typing import ClassVar, Literal

LinkRefusal = Literal["expired", "tampered", "unknown_key"]


class StorageError(Exception):
    """Any failure of this package; `code` never changes once shipped."""

    code: ClassVar[str] = "storage_error"


class InvalidKey(StorageError):
    """The key is malformed, or may not be used this way."""

    code = "invalid_key"


class InvalidImage(StorageError):
    """The bytes are not a picture we can keep."""

    code = "invalid_image"


class ImageTooLarge(InvalidImage):
    """The picture has too many pixels."""

    code = "image_too_large"


class ObjectNotFound(StorageError):
    """There is no such object."""

    code = "object_not_found"

    def __init__(self, key: str) -> None:
        super().__init__(f"there is no object {key!r}")
        self.key = key


class LinkRefused(StorageError):
    """A signed link was not accepted; `reason` says why."""

    code = "link_refused"

    def __init__(self, reason: LinkRefusal) -> None:
        super().__init__(f"link refused: {reason}")
        self.reason: LinkRefusal = reason


class StorageFull(StorageError):
    """There is no room left."""

    code = "storage_full"


class StorageUnavailable(StorageError):
    """The store cannot be used right now."""

    code = "storage_unavailable"


class ObjectCold(StorageUnavailable):
    """The object lies in an archive that cannot be read at once; it is being fetched."""

    code = "object_cold"

    def __init__(self, key: str) -> None:
        super().__init__(f"{key!r} is being fetched from the archive")
        self.key = key
