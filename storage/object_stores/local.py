"""Objects as files below one folder, with links that the gateway verifies; needs no server."""

import contextlib
import errno
import fcntl
import os
import secrets
import time
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
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
from storage.link_signers.own import OwnLinkSigner
from storage.object_store import Resting, StorageTier

# EFBIG too: a limit on file sizes (ulimit -f) is room that we do not have.
_FULL: Final = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
_NOTED_EVERY_S: Final = 24 * 3600
_MISSING: Final = (FileNotFoundError, NotADirectoryError, IsADirectoryError)


class LocalObjectStore:
    """An ObjectStore in a folder; `public_url` is where the gateway is reached from outside.

    What rests may lie in folders of its own, maybe on other disks. Objects are written where it is
    hot, and read wherever they are.
    """

    def __init__(
        self,
        *,
        root: Path,
        public_url: str,
        signing_keys: Mapping[str, bytes],
        warm_root: Path | None = None,
        cold_root: Path | None = None,
    ) -> None:
        folders = {StorageTier.HOT: root, StorageTier.WARM: warm_root, StorageTier.COLD: cold_root}
        self._roots = {tier: path.resolve() for tier, path in folders.items() if path is not None}
        self._links = OwnLinkSigner(public_url=public_url, signing_keys=signing_keys)

    def put(self, key: str, data: bytes, content_type: str) -> None:
        hot, *others = self._paths(key).values()
        try:
            hot.parent.mkdir(parents=True, exist_ok=True)
            _write(hot, data)
            for path in others:
                with contextlib.suppress(*_MISSING):
                    path.unlink()
        except OSError as error:
            raise _wrapped(error, key) from error

    def get(self, key: str) -> bytes:
        # One that is being moved up may have left a folder before and reached another behind us.
        for path in [*self._paths(key).values()] * (2 if len(self._roots) > 1 else 1):
            try:
                data = path.read_bytes()
                _note_reading(path)
            except _MISSING:
                continue
            except OSError as error:
                raise _wrapped(error, key) from error
            return data
        raise ObjectNotFound(key)

    def exists(self, key: str) -> bool:
        try:
            return any(path.is_file() for path in self._paths(key).values())
        except OSError as error:
            raise _wrapped(error, key) from error

    def delete(self, key: str) -> None:
        try:
            for path in self._paths(key).values():
                with contextlib.suppress(*_MISSING):
                    path.unlink()
        except OSError as error:
            raise _wrapped(error, key) from error

    def link(self, key: str, ttl_s: int, now: datetime) -> str:
        return self._links.link(key, ttl_s, now)

    def list_keys(self, prefix: str) -> Iterator[str]:
        seen: set[str] = set()
        for root in self._roots.values():
            for key, _ in _files(root, prefix):
                if key not in seen:
                    seen.add(key)
                    yield key

    def resting(self, prefix: str) -> Iterator[Resting]:
        """Yield the objects of each folder with when they were stored or last read."""
        for tier, root in self._roots.items():
            for key, path in _files(root, prefix):
                with contextlib.suppress(*_MISSING):
                    status = path.stat()
                    touched = datetime.fromtimestamp(max(status.st_mtime, status.st_atime), UTC)
                    yield Resting(key=key, tier=tier, touched_at=touched)

    def move(self, key: str, tier: StorageTier) -> None:
        """Copy an object to the folder of a tier, then remove it from the others."""
        paths = self._paths(key)
        if tier not in paths:
            return
        target = paths.pop(tier)
        try:
            with _alone(self._roots[StorageTier.HOT]):
                for path in filter(Path.is_file, paths.values()):
                    with contextlib.suppress(FileNotFoundError):
                        _move(path, target)
        except OSError as error:
            raise _wrapped(error, key) from error

    def _paths(self, key: str) -> dict[StorageTier, Path]:
        """Return where an object may lie, the hottest place first."""
        check_key(key)
        paths = {tier: root / key for tier, root in self._roots.items()}
        # Keys cannot climb out by themselves, but a symbolic link below a root could lead out.
        if not all(
            path.resolve().is_relative_to(self._roots[tier]) for tier, path in paths.items()
        ):
            raise InvalidKey(f"{key!r} leads out of the store")
        return paths


def _files(root: Path, prefix: str) -> Iterator[tuple[str, Path]]:
    """Yield keys with this prefix and their files; unfinished files start with a dot."""
    # A picture's keys share a folder: no need to walk through all others.
    for folder, _, names in os.walk(root / prefix.rpartition("/")[0]):
        place = Path(folder).relative_to(root)
        for name in names:
            key = (place / name).as_posix()
            if key.startswith(prefix) and not name.startswith("."):
                yield key, Path(folder) / name


def _note_reading(path: Path) -> None:
    """Note in the file's own times that it was read, once a day; many disks are set not to."""
    status = path.stat()
    now = time.time()
    if now - max(status.st_atime, status.st_mtime) > _NOTED_EVERY_S:
        # A folder that cannot be written can still be read from.
        with contextlib.suppress(PermissionError):
            os.utime(path, (now, status.st_mtime))


def _move(source: Path, target: Path) -> None:
    """Write a file's bytes elsewhere, its times with it, then remove it; maybe across disks."""
    status = source.stat()
    target.parent.mkdir(parents=True, exist_ok=True)
    _write(target, source.read_bytes())
    os.utime(target, (status.st_atime, status.st_mtime))
    try:
        source.unlink()
    except FileNotFoundError:
        # It was deleted meanwhile, and must not come back.
        target.unlink(missing_ok=True)


@contextlib.contextmanager
def _alone(root: Path) -> Iterator[None]:
    """Let no other process move objects of this store meanwhile."""
    root.mkdir(parents=True, exist_ok=True)
    with (root / ".moving").open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


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
