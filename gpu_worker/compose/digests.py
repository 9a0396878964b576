"""Digests of weights by content, each file read once: its digest is kept by path, size and time."""

import hashlib
import json
import os
import time
from pathlib import Path
from typing import Final

import structlog

# What a model consists of; a card or a picture beside it may change without changing what it draws.
_COUNTED: Final = frozenset({".safetensors", ".json", ".txt", ".model"})
# Smaller ones are read again as quickly as looked up.
_LARGE_BYTES: Final = 1 << 20
# A file touched so lately may change again without its time showing it.
_SETTLED_NS: Final = 2_000_000_000

_log = structlog.get_logger(__name__)


class FileDigests:
    """SHA-256 of files; those of large ones are kept in `cache`, a file, between starts.

    Whoever may write there may make a model pass for another.
    """

    def __init__(self, *, cache: Path) -> None:
        self._cache = cache
        self._known: dict[str, list[object]] = dict(_read(cache))

    def of_file(self, path: Path) -> str:
        """Return the digest of a file's content, as hexadecimal digits.

        Raises:
            OSError: it cannot be read.

        """
        path = path.resolve()
        stat = path.stat()
        seen: list[object] = [stat.st_size, stat.st_mtime_ns]
        known = self._known.get(str(path))
        if known is not None and known[:2] == seen:
            return str(known[2])
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        after = path.stat()
        is_settled = time.time_ns() - stat.st_mtime_ns > _SETTLED_NS
        is_whole = [after.st_size, after.st_mtime_ns] == seen
        if stat.st_size >= _LARGE_BYTES and is_settled and is_whole:
            self._known[str(path)] = [*seen, digest]
            self._write()
        return digest

    def of_folder(self, folder: Path) -> str:
        """Return one digest of all weights and settings in a folder, by their places in it.

        Raises:
            OSError: one of them cannot be read.

        """
        whole = hashlib.sha256()
        for path in sorted(folder.rglob("*")):
            if path.suffix in _COUNTED and path.is_file():
                place = path.relative_to(folder).as_posix()
                whole.update(f"{place} {self.of_file(path)}\n".encode())
        return whole.hexdigest()

    def _write(self) -> None:
        """Keep what is known; a folder that cannot be written costs time at the next start."""
        fresh = self._cache.with_name(f"{self._cache.name}.{os.getpid()}")
        try:
            self._cache.parent.mkdir(parents=True, exist_ok=True)
            # Other workers keep theirs in the same file.
            self._known = {**_read(self._cache), **self._known}
            fresh.write_text(json.dumps(self._known), encoding="utf-8")
            fresh.replace(self._cache)
        except OSError as error:
            _log.warning("digests_not_kept", reason=type(error).__name__)


def _read(cache: Path) -> dict[str, list[object]]:
    """Return what the cache holds and can be understood of it."""
    try:
        kept = json.loads(cache.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    if not isinstance(kept, dict):
        return {}
    return {path: entry for path, entry in kept.items() if _is_entry(entry)}


def _is_entry(entry: object) -> bool:
    match entry:
        case [int(), int(), str()]:
            return True
        case _:
            return False
