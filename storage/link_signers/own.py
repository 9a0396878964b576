"""Links to our own gateway, by `storage.signing`, which also verifies them."""

from collections.abc import Mapping
from datetime import datetime

from storage.errors import StorageUnavailable
from storage.object_store import link_expiry
from storage.signing import sign


class OwnLinkSigner:
    """A LinkSigner for pictures that the gateway serves."""

    def __init__(self, *, public_url: str, signing_keys: Mapping[str, bytes]) -> None:
        if not signing_keys:
            raise StorageUnavailable("a local store needs a signing key for its links")
        self._public_url = public_url.rstrip("/")
        self._kid, self._secret = list(signing_keys.items())[-1]

    def link(self, key: str, ttl_s: int, now: datetime) -> str:
        query = sign(key, link_expiry(now, ttl_s), kid=self._kid, secret=self._secret)
        return f"{self._public_url}/images/{key}?{query}"
