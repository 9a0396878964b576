"""Objects in this process's memory: for tests, and for trying things out."""

from collections.abc import Iterator
from datetime import datetime
from threading import Lock

from storage.errors import ObjectNotFound, StorageFull
from storage.keys import check_key, check_public_key
from storage.object_store import link_expiry


class MemoryObjectStore:
    """An ObjectStore in a dict; its links name their expiry but lead nowhere."""

    def __init__(self, *, capacity_bytes: int | None = None) -> None:
        self._objects: dict[str, bytes] = {}
        self._capacity_bytes = capacity_bytes
        self._lock = Lock()

    def put(self, key: str, data: bytes, content_type: str) -> None:
        with self._lock:
            others = sum(len(held) for name, held in self._objects.items() if name != key)
            if self._capacity_bytes is not None and others + len(data) > self._capacity_bytes:
                raise StorageFull(f"more than {self._capacity_bytes} bytes")
            self._objects[check_key(key)] = bytes(data)

    def get(self, key: str) -> bytes:
        try:
            return self._objects[check_key(key)]
        except KeyError as error:
            raise ObjectNotFound(key) from error

    def exists(self, key: str) -> bool:
        return check_key(key) in self._objects

    def delete(self, key: str) -> None:
        self._objects.pop(check_key(key), None)

    def link(self, key: str, ttl_s: int, now: datetime) -> str:
        return f"memory:{check_public_key(key)}?exp={int(link_expiry(now, ttl_s).timestamp())}"

    def list_keys(self, prefix: str) -> Iterator[str]:
        yield from [key for key in list(self._objects) if key.startswith(prefix)]
