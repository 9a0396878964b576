"""Objects as files below one folder, with links that the gateway verifies; needs no server."""

import contextlib
import errno
import os
import secrets
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Final

from storage.errors import (
    InvalidKey,
    ObjectNotFound,
    StorageError,
    StorageFull,
    StorageUnavailable,
)
from storage.keys import check_key
from storage.object_store import link_expiry
from storage.signing import sign

# EFBIG too: a limit on file sizes (ulimit -f) is room that we do not have.
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_MISSING: Final = (FileNotFoundError, NotADirectoryError, IsADirectoryError)


class LocalObjectStore:
    """An ObjectStore in a folder; `public_url` is where the gateway is reached from outside."""

    def __init__(self, *, root: Path, public_url: str, signing_keys: Mapping[str, bytes]) -> None:
        if not signing_keys:
            raise StorageUnavailable("a local store needs a signing key for its links")
        self._root = root.resolve()
        self._public_url = public_url.rstrip("/")
        self._kid, self._secret = list(signing_keys.items())[-1]

    def put(self, key: str, data: bytes, content_type: str) -> None:
        path = self._path(key)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            _write(path, data)
        except OSError as error:
            raise _wrapped(error, key) from error

    def get(self, key: str) -> bytes:
        try:
            return self._path(key).read_bytes()
        except _MISSING as error:
            raise ObjectNotFound(key) from error
        except OSError as error:
            raise _wrapped(error, key) from error

    def exists(self, key: str) -> bool:
        try:
            return self._path(key).is_file()
        except OSError as error:
            raise _wrapped(error, key) from error

    def delete(self, key: str) -> None:
        try:
            with contextlib.suppress(*_MISSING):
                self._path(key).unlink()
        except OSError as error:
            raise _wrapped(error, key) from error

    def link(self, key: str, ttl_s: int, now: datetime) -> str:
        query = sign(key, link_expiry(now, ttl_s), kid=self._kid, secret=self._secret)
        return f"{self._public_url}/images/{key}?{query}"

    def list_keys(self, prefix: str) -> Iterator[str]:
        # A picture's keys share a folder: no need to walk through all others.
        for folder, _, names in os.walk(self._root / prefix.rpartition("/")[0]):
            place = Path(folder).relative_to(self._root)
            for name in names:
                key = (place / name).as_posix()
                # Unfinished files start with a dot.
                if key.startswith(prefix) and not name.startswith("."):
                    yield key

    def _path(self, key: str) -> Path:
        path = self._root / check_key(key)
        # Keys cannot climb out by themselves, but a symbolic link below the root could lead out.
        if not path.resolve().is_relative_to(self._root):
            raise InvalidKey(f"{key!r} leads out of the store")
        return path


def _write(path: Path, data: bytes) -> None:
    """Write beside `path`, flush to the disk, then move into place."""
    draft = path.with_name(f".{secrets.token_hex(8)}")
    try:
        with draft.open("xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise
    _flush_folder(path.parent)


def _flush_folder(folder: Path) -> None:
    """Make a rename survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _wrapped(error: OSError, key: str) -> StorageError:
    kind = StorageFull if error.errno in _FULL else StorageUnavailable
    return kind(f"{key}: {error.strerror}")
