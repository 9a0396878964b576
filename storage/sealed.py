"""Where sealed pictures lie: a prefix of its own, never linked, never read with the others."""

from typing import Final

from storage.errors import InvalidKey
from storage.keys import QUARANTINE_PREFIX, check_key
from storage.object_store import ObjectStore

_SEALED_PREFIX: Final = f"{QUARANTINE_PREFIX}sealed/"


class SealedObjects:
    """Keeps, returns and removes what was sealed."""

    def __init__(self, *, objects: ObjectStore) -> None:
        self._objects = objects

    def key_of(self, name: str, index: int) -> str:
        """Name one of what was sealed together.

        Raises:
            InvalidKey: the name has a character that no key has.

        """
        return check_key(f"{_SEALED_PREFIX}{name}/{index}.sealed")

    def keep(self, key: str, sealed: bytes) -> None:
        """Store what was sealed under its key.

        Raises:
            InvalidKey: the key is no sealed object's.
            StorageFull, StorageUnavailable: it could not be kept.

        """
        self._objects.put(_check(key), sealed, "application/octet-stream")

    def read(self, key: str) -> bytes:
        """Return what was sealed, as it was sealed.

        Raises:
            InvalidKey: the key is no sealed object's.
            ObjectNotFound: there is no such object.
            StorageUnavailable: the store cannot be used.

        """
        return self._objects.get(_check(key))

    def forget(self, key: str) -> None:
        """Remove what was sealed; what is missing is fine.

        Raises:
            InvalidKey: the key is no sealed object's.
            StorageUnavailable: the store cannot be used.

        """
        self._objects.delete(_check(key))


def _check(key: str) -> str:
    if not check_key(key).startswith(_SEALED_PREFIX):
        raise InvalidKey(f"nothing sealed lies under {key[:80]!r}")
    return key
