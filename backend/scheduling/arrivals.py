"""Who came lately: the pattern the near future is expected to repeat."""

from collections import deque
from collections.abc import Iterator
from heapq import merge

from backend.domain.requests import JobId
from backend.domain.tiers import Tier
from backend.scheduling.waiting import Waiting

KEPT = 1000
WINDOW_S = 600.0
# Of less, nothing can be told.
WINDOW_MIN_S = 30.0


class RecentArrivals:
    """The newest jobs of each tier. Needs no storing: the job table has the same rows."""

    def __init__(self) -> None:
        self._since_s: float | None = None
        self._kept: dict[Tier, deque[Waiting]] = {tier: deque(maxlen=KEPT) for tier in Tier}

    def count(self, job: Waiting) -> None:
        """Take in a job that came now."""
        if self._since_s is None:
            self._since_s = job.arrived_s
        self._kept[job.tier].append(job)

    def expected(self, now_s: float) -> Iterator[tuple[float, Waiting]]:
        """Yield moments and jobs for ever, as if what came lately came again and again."""
        return merge(*(self._again(tier, now_s) for tier in Tier), key=lambda arrival: arrival[0])

    def _again(self, tier: Tier, now_s: float) -> Iterator[tuple[float, Waiting]]:
        began_s = max(now_s - WINDOW_S, now_s if self._since_s is None else self._since_s)
        if len(self._kept[tier]) == KEPT:
            began_s = max(began_s, self._kept[tier][0].arrived_s)
        began_s = min(began_s, now_s - WINDOW_MIN_S)
        kept = [job for job in self._kept[tier] if job.arrived_s >= began_s]
        length_s = now_s - began_s
        if not kept:
            return
        shift_s, number = length_s, 0
        while True:
            for job in kept:
                number += 1
                moment_s = job.arrived_s + shift_s
                yield (
                    moment_s,
                    Waiting(
                        job_id=JobId(f"~{tier.value}{number}"),
                        account=job.account,
                        tier=tier,
                        cost_s=job.cost_s,
                        arrived_s=moment_s,
                    ),
                )
            shift_s += length_s
