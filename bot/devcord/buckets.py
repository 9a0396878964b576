"""Rate limits as Discord announces them, so that a bot which edits too eagerly is noticed here."""

import hashlib
import math
import time
from collections.abc import Callable
from dataclasses import dataclass

# Discord publishes no numbers; this is the folklore for messages, per channel or webhook.
_LIMIT = 5
_WINDOW_S = 5.0


@dataclass(frozen=True, kw_only=True)
class Allowance:
    """What a bucket says to one request."""

    bucket: str
    remaining: int
    reset_after_s: float
    reset_at_s: float
    exceeded: bool

    def headers(self) -> dict[str, str]:
        """Return the headers discord.py paces itself by."""
        headers = {
            "X-RateLimit-Limit": str(_LIMIT),
            "X-RateLimit-Remaining": str(self.remaining),
            "X-RateLimit-Reset": f"{self.reset_at_s:.3f}",
            "X-RateLimit-Reset-After": f"{self.reset_after_s:.3f}",
            "X-RateLimit-Bucket": self.bucket,
        }
        if self.exceeded:
            # Without Via, discord.py takes a 429 for a ban by Cloudflare.
            headers |= {"Via": "1.1 devcord", "Retry-After": str(math.ceil(self.reset_after_s))}
        return headers


class Buckets:
    """Counts message requests per channel and per webhook in fixed windows."""

    def __init__(self, *, clock_s: Callable[[], float] = time.time) -> None:
        self._clock_s = clock_s
        self._windows: dict[str, tuple[float, int]] = {}

    def take(self, method: str, path: str) -> Allowance | None:
        """Count one request; none when its route has no limit here."""
        key = _key(method, path)
        if key is None:
            return None
        now_s = self._clock_s()
        started_s, used = self._windows.get(key, (now_s, 0))
        if now_s - started_s >= _WINDOW_S:
            started_s, used = now_s, 0
        exceeded = used >= _LIMIT
        used += 0 if exceeded else 1
        self._windows = {
            name: window for name, window in self._windows.items() if now_s - window[0] < _WINDOW_S
        } | {key: (started_s, used)}
        return Allowance(
            bucket=hashlib.sha256(key.encode()).hexdigest()[:32],
            remaining=_LIMIT - used,
            reset_after_s=started_s + _WINDOW_S - now_s,
            reset_at_s=started_s + _WINDOW_S,
            exceeded=exceeded,
        )


def _key(method: str, path: str) -> str | None:
    """Return the bucket of a route: its method and its channel, or its webhook."""
    match path.strip("/").split("/"):
        case ["channels", channel_id, "messages", *_] if method != "GET":
            return f"{method} channel {channel_id}"
        case ["webhooks", webhook_id, token, *_] if method != "GET":
            return f"{method} webhook {webhook_id} {token}"
    return None
