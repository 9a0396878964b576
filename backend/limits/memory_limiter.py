"""How often each client may ask, counted in this process: a bucket that fills again steadily.

Several gateways count for themselves, so a client of `n` of them may ask `n` times as often.
"""

import math
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

CLIENTS_MAX = 10_000


@dataclass(kw_only=True)
class _Bucket:
    left: float
    at: float


class MemoryLimiter:
    """Lets each client ask `burst` times at once, and `per_minute` times a minute for long."""

    def __init__(self, *, burst: int, per_minute: float, clock: Callable[[], float]) -> None:
        self._burst = burst
        self._per_s = per_minute / 60
        self._clock = clock
        self._buckets: OrderedDict[str, _Bucket] = OrderedDict()

    def take(self, client: str) -> int:
        """Count one question; return in how many seconds the next may come, 0 if this one may."""
        now = self._clock()
        bucket = self._buckets.pop(client, None) or _Bucket(left=self._burst, at=now)
        bucket.left = min(self._burst, bucket.left + (now - bucket.at) * self._per_s)
        bucket.at = now
        self._buckets[client] = bucket
        if len(self._buckets) > CLIENTS_MAX:
            # Whoever was silent longest has a full bucket anyway, or soon.
            self._buckets.popitem(last=False)
        if bucket.left < 1:
            return math.ceil((1 - bucket.left) / self._per_s)
        bucket.left -= 1
        return 0
