"""A hook of the operator's: a POST of `{"keys": […], "at": …}`; any 2xx means it was taken."""

import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from storage.asking import ask_again, post_json
from storage.purger import PurgeReceipt


class HookPurger:
    """A Purger that tells whoever listens at an address."""

    def __init__(
        self, *, address: str, token: str = "", pause: Callable[[float], None] = time.sleep
    ) -> None:
        self._address = address
        self._token = token
        self._pause = pause

    def purge(self, keys: Sequence[str], *, now: datetime) -> PurgeReceipt:
        body = {"keys": list(keys), "at": now.astimezone(UTC).isoformat()}

        def ask() -> str:
            return str(post_json(self._address, body, token=self._token).get("id", ""))

        asked = ask_again(ask, pause=self._pause)
        return PurgeReceipt(
            purger="hook",
            is_accepted=not asked.reason,
            attempts=asked.attempts,
            at=now,
            reference=asked.answer[:100],
            reason=asked.reason,
        )
