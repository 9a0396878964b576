"""Where an installation keeps what it marks and signs with: one folder that all its hosts share.

`watermark.key` is the watermark's secret, `c2pa/` the chain and key of our own. Whoever has them
can mark as the installation does; whoever has the first can also read its marks.
"""

import secrets
from datetime import datetime
from pathlib import Path
from typing import Final

from safety.errors import CredentialsInvalid
from safety.provenance.certificates import (
    CHAIN_FILE,
    KEY_FILE,
    CredentialFiles,
    make_own,
)
from safety.provenance.watermark import KEY_BYTES
from safety.secret_file import write_once

WATERMARK_KEY_FILE: Final = "watermark.key"
C2PA_FOLDER: Final = "c2pa"


def open_credentials(
    folder: Path, *, chain: Path | None, key: Path | None, now: datetime
) -> CredentialFiles:
    """Return the credentials brought from elsewhere, where any are named, else those of our own."""
    own = folder / C2PA_FOLDER
    if chain is None and key is None:
        make_own(own, now=now)
        return own_credentials(folder)
    # Half a pair is not made whole with ours: whoever signs is told that a file is missing.
    return CredentialFiles(chain=chain or own / "unset", key=key or own / "unset")


def own_credentials(folder: Path) -> CredentialFiles:
    """Return the credentials of our own, whether they are there or not."""
    own = folder / C2PA_FOLDER
    return CredentialFiles(chain=own / CHAIN_FILE, key=own / KEY_FILE)


def load_or_create_watermark_key(folder: Path) -> bytes:
    """Read the watermark's secret; create it if there is none. Processes end up with the same.

    Raises:
        CredentialsInvalid: it cannot be read or written, or is none.

    """
    path = folder / WATERMARK_KEY_FILE
    try:
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            write_once(path, secrets.token_hex(KEY_BYTES))
        key = bytes.fromhex(path.read_text(encoding="ascii"))
    except OSError as error:
        raise CredentialsInvalid("missing", f"{path}: {error.strerror}") from error
    except ValueError as error:
        raise CredentialsInvalid("broken", f"{path} holds no watermark key") from error
    if len(key) != KEY_BYTES:
        raise CredentialsInvalid("broken", f"{path} holds no watermark key")
    return key
