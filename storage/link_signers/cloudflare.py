"""Links to a Cloudflare zone whose rule checks a token in the address.

As Cloudflare documents it ("Configure token authentication", the rule function
`is_timed_hmac_valid_v0`): `/path?verify=<seconds>-<mac>`, the MAC being HMAC-SHA256 of path and
seconds, in base64, percent-encoded. The seconds say when the link was made; how long it is good for
is said by the rule:

    not is_timed_hmac_valid_v0("<secret>", http.request.uri, <lifetime_s>,
                               http.request.timestamp.sec, 8)

A link that is to end sooner is dated back; one that is to last longer ends with the rule's time.
"""

import base64
import hashlib
import hmac
from datetime import datetime
from pathlib import Path
from typing import Final
from urllib.parse import quote, urlsplit

from storage.errors import StorageUnavailable
from storage.keys import check_public_key
from storage.object_store import link_expiry

PARAMETER: Final = "verify"
_SHORTEST_SECRET: Final = 16


class CloudflareLinkSigner:
    """A LinkSigner for pictures behind a Cloudflare zone."""

    def __init__(self, *, url: str, secret_file: Path, lifetime_s: int) -> None:
        self._url = url.rstrip("/")
        self._folder = urlsplit(self._url).path
        self._secret = _read_secret(secret_file)
        self._lifetime_s = lifetime_s

    def link(self, key: str, ttl_s: int, now: datetime) -> str:
        ends = int(link_expiry(now, ttl_s).timestamp())
        made = min(ends - self._lifetime_s, int(now.timestamp()))
        path = f"{self._folder}/{check_public_key(key)}"
        mac = base64.b64encode(hmac.digest(self._secret, f"{path}{made}".encode(), hashlib.sha256))
        return f"{self._url}/{key}?{PARAMETER}={made}-{quote(mac, safe='')}"


def _read_secret(path: Path) -> bytes:
    try:
        secret = path.read_bytes().strip()
    except OSError as error:
        raise StorageUnavailable(f"{path} cannot be read: {error.strerror}") from error
    if len(secret) < _SHORTEST_SECRET:
        raise StorageUnavailable(
            f"{path} holds a secret of less than {_SHORTEST_SECRET} characters"
        )
    return secret
