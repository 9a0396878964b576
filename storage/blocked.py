"""Which pictures this deployment has blocked: their hashes, where every process can read them.

A hash is the name of an empty object, `blocked/HASH/ID`: adding one twice changes nothing, and
nobody's addition undoes another's.
"""

import re
from typing import Final

from storage.errors import InvalidKey
from storage.keys import BLOCKED_PREFIX, check_key
from storage.object_store import ObjectStore

_HASH: Final = re.compile(r"[0-9a-f]{64}")


class BlockedHashes:
    """The perceptual hashes of what was removed everywhere, each with the id of what it was."""

    def __init__(self, *, objects: ObjectStore) -> None:
        self._objects = objects

    def block(self, hash_hex: str, entry: str) -> None:
        """Add a hash (64 hexadecimal digits) under an id.

        Raises:
            InvalidKey: it is no hash, or the id has a character that no key has.
            StorageUnavailable, StorageFull: it could not be kept.

        """
        self._objects.put(_key(hash_hex, entry), b"", "application/octet-stream")

    def unblock(self, hash_hex: str, entry: str) -> None:
        """Take a hash out again; a missing one is fine.

        Raises:
            InvalidKey: it is no hash, or the id has a character that no key has.
            StorageUnavailable: the store cannot be used.

        """
        self._objects.delete(_key(hash_hex, entry))

    def read(self) -> dict[str, str]:
        """Return all hashes, each with its id.

        Raises:
            StorageUnavailable: the store cannot be used.

        """
        blocked = {}
        for key in self._objects.list_keys(BLOCKED_PREFIX):
            hash_hex, _, entry = key.removeprefix(BLOCKED_PREFIX).partition("/")
            blocked[hash_hex] = entry
        return blocked


def _key(hash_hex: str, entry: str) -> str:
    if not _HASH.fullmatch(hash_hex):
        raise InvalidKey(f"not a hash in lower-case hex: {hash_hex[:80]!r}")
    return check_key(f"{BLOCKED_PREFIX}{hash_hex}/{entry}")
