"""A file with a secret, made by whichever process needs it first."""

import contextlib
import os
import secrets
from pathlib import Path


def write_once(path: Path, text: str) -> None:
    """Write a file that its owner alone may read, unless there is one.

    It is written beside `path`, then linked into place: whole or not at all, and whoever comes
    second yields. The folder must be there.

    Raises:
        OSError: it cannot be written.

    """
    draft = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
    finally:
        draft.unlink()
