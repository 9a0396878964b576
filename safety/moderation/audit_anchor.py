"""The anchor: signed heads of the audit log in a file apart, one JSON object a line.

Whoever can rewrite the log's database can also remove the heads in it; what was written here, or
copied from here to another place, still tells how many entries there were.
"""

import json
import os
from datetime import datetime
from pathlib import Path
from typing import Final

from safety.errors import AnchorUnusable
from safety.moderation.audit import Head

# Several times as long as any line.
_TAIL_BYTES: Final = 4096


def append_head(path: Path, head: Head) -> None:
    """Add a head to the file, on the disk when this returns.

    Raises:
        AnchorUnusable: the file cannot be written.

    """
    line = json.dumps(vars(head) | {"at": head.at.isoformat()}, sort_keys=True)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        # One write of a short line to a file opened for appending is whole, whoever else writes.
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            os.write(descriptor, f"{line}\n".encode())
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        raise AnchorUnusable(f"cannot write {path}: {error.strerror}") from error


def read_heads(path: Path) -> list[Head]:
    """Return the heads in the file, signatures unchecked; none where there is no file.

    Raises:
        AnchorUnusable: it cannot be read, or a line of it is no head.

    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    except (OSError, UnicodeDecodeError) as error:
        raise AnchorUnusable(f"cannot read {path}") from error
    return [_head_of(line, path, f"line {number}") for number, line in enumerate(lines, start=1)]


def newest_head(path: Path) -> Head | None:
    """Return the head that was written last, its signature unchecked; None where there is none.

    Of a file that grows for years only the end is read.

    Raises:
        AnchorUnusable: it cannot be read, or its last line is no head.

    """
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - _TAIL_BYTES))
            lines = file.read().decode(errors="replace").splitlines()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise AnchorUnusable(f"cannot read {path}: {error.strerror}") from error
    return _head_of(lines[-1], path, "the last line") if lines else None


def _head_of(line: str, path: Path, which: str) -> Head:
    try:
        told = json.loads(line)
        return Head(
            entries=int(told["entries"]),
            hash=str(told["hash"]),
            at=datetime.fromisoformat(told["at"]),
            key_id=str(told["key_id"]),
            signature=str(told["signature"]),
        )
    except (ValueError, KeyError, TypeError) as error:
        raise AnchorUnusable(f"{which} of {path} is no head of an audit log") from error
