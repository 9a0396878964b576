"""Links that expire: signed with HMAC-SHA256, refused when altered, keys rotated by their id.

A link is `{public_url}/images/{key}?exp=…&kid=…&sig=…`. Signing keys map a key id to its secret:
the last one signs, all of them verify.
"""

import base64
import binascii
import contextlib
import hashlib
import hmac
import json
import os
import re
import secrets
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Final
from urllib.parse import urlencode

from storage.errors import InvalidKey, LinkRefused, StorageUnavailable
from storage.keys import check_public_key

_EXPIRES: Final = re.compile(r"[0-9]{1,12}")
_SECRET_BYTES: Final = 32


def sign(key: str, expires_at: datetime, *, kid: str, secret: bytes) -> str:
    """Return the query string that lets its bearer GET this key until `expires_at`.

    Raises:
        InvalidKey: the key is malformed or lies outside `images/`.

    """
    expires = str(int(expires_at.timestamp()))
    signature = _signature(check_public_key(key), expires=expires, kid=kid, secret=secret)
    return urlencode({"exp": expires, "kid": kid, "sig": signature})


def verify(
    key: str, query: Mapping[str, str], now: datetime, *, signing_keys: Mapping[str, bytes]
) -> None:
    """Accept a link or refuse it; parameters other than `exp`, `kid` and `sig` are ignored.

    Raises:
        LinkRefused: it expired, was altered, or was signed by a key we do not have.

    """
    expires, kid = query.get("exp", ""), query.get("kid", "")
    secret = signing_keys.get(kid)
    if secret is None:
        raise LinkRefused("unknown_key" if kid else "tampered")
    if not _EXPIRES.fullmatch(expires) or not _is_public(key):
        raise LinkRefused("tampered")
    expected = _signature(key, expires=expires, kid=kid, secret=secret)
    if not hmac.compare_digest(expected.encode(), query.get("sig", "").encode(errors="replace")):
        raise LinkRefused("tampered")
    if now.timestamp() >= int(expires):
        raise LinkRefused("expired")


def load_or_create_signing_keys(path: Path) -> dict[str, bytes]:
    """Read the signing keys in `path`, a JSON object of key id to hex secret; create a first one.

    Processes that start together all end up with the same keys. To rotate, append a key to the
    file and restart; drop the old one when its last link has expired.

    Raises:
        StorageUnavailable: the file cannot be read or written, or holds something else.

    """
    try:
        if not path.exists():
            _create(path)
        return _parse(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise StorageUnavailable(f"cannot use signing keys in {path}: {error.strerror}") from error
    except (ValueError, AttributeError, TypeError) as error:
        raise StorageUnavailable(f"{path} holds no signing keys") from error


def _signature(key: str, *, expires: str, kid: str, secret: bytes) -> str:
    """Return HMAC-SHA256 over method, key, expiry and key id, as unpadded URL-safe base64."""
    message = "\n".join(("GET", key, expires, kid)).encode()
    digest = hmac.digest(secret, message, hashlib.sha256)
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def _is_public(key: str) -> bool:
    try:
        check_public_key(key)
    except InvalidKey:
        return False
    return True


def _create(path: Path) -> None:
    """Write a first key beside `path`, then link it into place; whoever comes second yields."""
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps({secrets.token_hex(4): secrets.token_hex(_SECRET_BYTES)})
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


def _parse(text: str) -> dict[str, bytes]:
    keys = {str(kid): binascii.unhexlify(secret) for kid, secret in json.loads(text).items()}
    if not keys or not all(len(secret) >= _SECRET_BYTES for secret in keys.values()):
        raise ValueError("no key, or one that is too short")
    return keys
