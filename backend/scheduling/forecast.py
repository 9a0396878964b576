"""When each waiting job will begin: the fair queue itself, run forward over what is known."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush, heapreplace
from math import inf

from backend.domain.requests import AccountId, JobId
from backend.domain.tiers import Tier
from backend.scheduling.fair_queue import FairQueue
from backend.scheduling.waiting import Waiting

DECISIONS_MAX = 2000
NOBODY: tuple[tuple[float, Waiting], ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where a job stands: what begins before it, and in how many seconds it is expected to begin.

    `ahead` counts waiting jobs only, by tier, and only those that do begin earlier: of a lower tier
    or of an account that was served more, most do not. `own_ahead` of them are the account's own.
    """

    tier: Tier
    ahead: tuple[int, int, int]
    own_ahead: int
    expected_s: float
    is_beyond: bool = False

    @property
    def position(self) -> int:
        """How many jobs begin before it."""
        return sum(self.ahead)


@dataclass(frozen=True, kw_only=True)
class Forecast:
    """Places of all waiting jobs at one moment; looking one up is a dictionary's work."""

    at_s: float
    places: Mapping[JobId, Place] = field(default_factory=dict)

    def place(self, job_id: JobId) -> Place | None:
        """Return a job's place; None if it did not wait then."""
        return self.places.get(job_id)


def forecast(
    queue: FairQueue,
    *,
    now_s: float,
    slots: int,
    left_s: Mapping[JobId, float] | None = None,
    expected: Iterator[tuple[float, Waiting]] | None = None,
    spread: Sequence[float] = (1.0,),
    decisions_max: int = DECISIONS_MAX,
    uses_up: bool = False,
) -> Forecast:
    """Run a copy of the line, or the line itself if that `uses_up`, forward on `slots` slots.

    `left_s` says for how long running jobs will go on; those it leaves out are about to end. Jobs
    that were handed out ahead of a free slot count as running.

    `expected` are jobs that will probably come, as `RecentArrivals` tells them. Each job takes its
    predicted time times one of `spread`, in turn. What does not begin within `decisions_max`
    decisions is placed by how fast its tier advanced until then.
    """
    own = queue if uses_up else queue.copy()
    run = _Run(own, now_s=now_s, slots=slots, left_s=left_s or {}, spread=spread)
    run.play(iter(NOBODY) if expected is None else expected, decisions_max)
    return Forecast(at_s=now_s, places=run.all_places())


class _Run:
    """One run forward."""

    def __init__(
        self,
        queue: FairQueue,
        *,
        now_s: float,
        slots: int,
        left_s: Mapping[JobId, float],
        spread: Sequence[float],
    ) -> None:
        self._queue = queue
        self._pending = {job.job_id: job for job in queue.waiting()}
        self._now_s = self._until_s = now_s
        self._slots = slots
        self._spread = spread
        # When each slot is free, and which jobs have ended on it then.
        self._free: list[tuple[float, int, tuple[JobId, ...]]] = [
            (now_s, number, ()) for number in range(slots)
        ]
        running = ((max(0.0, left_s.get(job_id, 0.0)), job_id) for job_id in queue.running())
        for still_s, job_id in sorted(running) if slots else ():
            free_s, number, ended = self._free[0]
            heapreplace(self._free, (free_s + still_s, number, (*ended, job_id)))
        self._ahead = dict.fromkeys(Tier, 0)
        self._own: dict[AccountId, int] = {}
        self._begun = 0
        self._places: dict[JobId, Place] = {}

    def play(self, expected: Iterator[tuple[float, Waiting]], decisions_max: int) -> None:
        """Hand out jobs until all that wait have begun, or enough has been decided."""
        next_s, newcomer = next(expected, (inf, None))
        while self._pending and self._free and self._begun < decisions_max:
            free_s, number, ended = heappop(self._free)
            self._until_s = free_s
            for job_id in ended:
                self._queue.finish(job_id)
            while newcomer is not None and next_s <= free_s:
                self._queue.add(newcomer)
                next_s, newcomer = next(expected, (inf, None))
            turn = self._queue.take(now_s=free_s, slots=self._slots)
            if turn is not None:
                self._begin(turn.jobs[0], free_s, number)
                continue
            # Nothing may begin: look again when someone comes, or when a running job ends.
            again_s = min(next_s, self._free[0][0] if self._free else inf)
            if again_s == inf:
                return
            heappush(self._free, (max(again_s, free_s + 1e-6), number, ()))
            self._begun += 1

    def all_places(self) -> dict[JobId, Place]:
        """Return the places, those beyond the horizon by how fast their tier advanced."""
        elapsed_s = max(self._until_s - self._now_s, 1e-3)
        # Accounts take turns, so what an account has before a job counts, not when it came.
        seen = dict(self._own)
        turns: list[tuple[int, float, Waiting]] = []
        for job in sorted(self._pending.values(), key=lambda job: job.arrived_s):
            seen[job.account] = seen.get(job.account, 0) + 1
            turns.append((seen[job.account], job.arrived_s, job))
        turns.sort(key=lambda turn: turn[:2])
        everyone = max(1, sum(self._ahead.values()))
        ranks = dict.fromkeys(Tier, 0)
        for _, _, job in turns:
            pace = (self._ahead[job.tier] or everyone / 3) / elapsed_s
            ranks[job.tier] += 1
            left_s = elapsed_s + ranks[job.tier] / pace
            self._record(job, left_s, is_beyond=True)
        return self._places

    def _begin(self, job: Waiting, moment_s: float, number: int) -> None:
        self._begun += 1
        took_s = job.cost_s * self._spread[3 * self._begun % len(self._spread)]
        heappush(self._free, (moment_s + took_s, number, (job.job_id,)))
        if self._pending.pop(job.job_id, None) is not None:
            self._record(job, moment_s - self._now_s, is_beyond=False)

    def _record(self, job: Waiting, expected_s: float, *, is_beyond: bool) -> None:
        ahead = self._ahead
        own = self._own.get(job.account, 0)
        self._places[job.job_id] = Place(
            tier=job.tier,
            ahead=(ahead[Tier.TURBO], ahead[Tier.FAST], ahead[Tier.RELAX]),
            own_ahead=own,
            expected_s=expected_s,
            is_beyond=is_beyond,
        )
        ahead[job.tier] += 1
        self._own[job.account] = own + 1
