"""What objects are called, and which names outsiders may be sent to.

A picture's files lie under the SHA-256 of its original: `images/ab/abcd…/thumbnail_256.webp`. What
was held back lies under `quarantine/`, what people gave us under `uploads/`; neither is linked.
"""

import re
from typing import Final

from storage.errors import InvalidKey

IMAGE_PREFIX: Final = "images/"
UPLOAD_PREFIX: Final = "uploads/"
QUARANTINE_PREFIX: Final = "quarantine/"
BLOCKED_PREFIX: Final = "blocked/"
LONGEST_KEY: Final = 512

_SEGMENT: Final = r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}"
_KEY: Final = re.compile(rf"{_SEGMENT}(?:/{_SEGMENT})*")
_SHA256: Final = re.compile(r"[0-9a-f]{64}")


def image_key(sha256: str, variant: str, extension: str) -> str:
    """Name a file of the picture whose original has this SHA-256."""
    return check_key(f"{IMAGE_PREFIX}{_shelf(sha256)}/{variant}.{extension}")


def quarantine_key(sha256: str, extension: str) -> str:
    """Name a picture that was held back."""
    return check_key(f"{QUARANTINE_PREFIX}{_shelf(sha256)}/original.{extension}")


def upload_key(upload_id: str) -> str:
    """Name the picture of an upload.

    By its id and not by its content: it goes when it expires, and nothing else may go with it.

    Raises:
        InvalidKey: the id has a character that no key has.

    """
    return check_key(f"{UPLOAD_PREFIX}{upload_id}.png")


def check_key(key: str) -> str:
    """Return the key if it is well formed: plain ASCII segments, no dot at a segment's start.

    Raises:
        InvalidKey: it is not.

    """
    if len(key) > LONGEST_KEY or not _KEY.fullmatch(key):
        raise InvalidKey(f"not an object key: {key[:80]!r}")
    return key


def check_public_key(key: str) -> str:
    """Return the key if outsiders may be given a link to it.

    Raises:
        InvalidKey: it is malformed or lies outside `images/`.

    """
    if not check_key(key).startswith(IMAGE_PREFIX):
        raise InvalidKey(f"only {IMAGE_PREFIX} may be linked, not {key[:80]!r}")
    return key


def check_readable_key(key: str) -> str:
    """Return the key if a picture under it may be drawn from.

    Raises:
        InvalidKey: it is malformed or lies neither in `images/` nor in `uploads/`.

    """
    if not check_key(key).startswith((IMAGE_PREFIX, UPLOAD_PREFIX)):
        raise InvalidKey(f"only {IMAGE_PREFIX} and {UPLOAD_PREFIX} are read, not {key[:80]!r}")
    return key


def _shelf(sha256: str) -> str:
    if not _SHA256.fullmatch(sha256):
        raise InvalidKey(f"not a SHA-256 in lower-case hex: {sha256[:80]!r}")
    return f"{sha256[:2]}/{sha256}"
