"""Cloudflare: "Purge cached content by URL", thirty addresses a call.

What is cached under a token of its own (`?verify=…`) is another address to Cloudflare: the zone
needs a cache rule that leaves the query string out of the cache key.
"""

import time
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

from storage.asking import Asked, Refused, ask_again, post_json
from storage.purger import PurgeReceipt

BATCH: Final = 30


class CloudflarePurger:
    """A Purger for a Cloudflare zone."""

    def __init__(
        self,
        *,
        zone_id: str,
        url: str,
        token: str,
        api: str,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._address = f"{api.rstrip('/')}/zones/{zone_id}/purge_cache"
        self._url = url.rstrip("/")
        self._token = token
        self._pause = pause

    def purge(self, keys: Sequence[str], *, now: datetime) -> PurgeReceipt:
        batches = [keys[start : start + BATCH] for start in range(0, len(keys), BATCH)]
        asked = [self._purge(batch) for batch in batches]
        return PurgeReceipt(
            purger="cloudflare",
            is_accepted=not any(each.reason for each in asked),
            attempts=sum(each.attempts for each in asked),
            at=now,
            reference=" ".join(each.answer for each in asked if each.answer),
            reason=next((each.reason for each in asked if each.reason), ""),
        )

    def _purge(self, keys: Sequence[str]) -> Asked:
        body = {"files": [f"{self._url}/{key}" for key in keys]}

        def ask() -> str:
            told = post_json(self._address, body, token=self._token)
            if told.get("success") is not True:
                raise Refused("Cloudflare did not say that it was purged")
            result = told.get("result")
            return str(result.get("id", "")) if isinstance(result, dict) else ""

        return ask_again(ask, pause=self._pause)
