"""Watches one family's line and reads its gauges; pure, it knows no clock."""

from collections import Counter, deque
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from backend.domain.requests import AccountId, JobId
from backend.domain.tiers import Tier
from backend.scheduling.evenness import RecentEvenness
from backend.scheduling.fair_queue import FairQueue
from backend.scheduling.gauges import FamilyGauges, TierGauges
from backend.scheduling.waiting import Turn, Waiting

WINDOW_S: Final = 300.0
# Coverage is that of so many jobs.
TOLD_KEPT: Final = 200


@dataclass(frozen=True, kw_only=True, slots=True)
class Begun:
    """A job that begins: `shares` is what each tier was due then.

    `waiting` are the accounts that waited in its tier just before, its own among them; `is_last`
    is whether nothing more of that may begin.
    """

    job: Waiting
    at_s: float
    shares: Mapping[Tier, float]
    waiting: Collection[AccountId]
    is_last: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class _Sample:
    """What tiers had been charged, and were due of that, at one moment."""

    at_s: float
    charged_s: Mapping[Tier, float]
    due_s: Mapping[Tier, float]


class _Tier:
    """What is watched of one tier."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self.begun = int(document.get("begun", 0))
        self.told = int(document.get("told", 0))
        self.kept_p50 = int(document.get("kept_p50", 0))
        self.kept_p90 = int(document.get("kept_p90", 0))
        self.due_s = 0.0
        self.evenness = RecentEvenness(window_s=WINDOW_S)
        self.recent: deque[tuple[bool, bool]] = deque(maxlen=TOLD_KEPT)

    def as_json(self) -> dict[str, Any]:
        return {
            "begun": self.begun,
            "told": self.told,
            "kept_p50": self.kept_p50,
            "kept_p90": self.kept_p90,
        }


class Meter:
    """Measures a line. Its counters are kept over a crash; what is of the last minutes is not."""

    def __init__(
        self,
        *,
        document: Mapping[str, Any] | None = None,
        charged_s: Mapping[Tier, float] | None = None,
    ) -> None:
        self._tiers = {tier: _Tier((document or {}).get(tier.value, {})) for tier in Tier}
        nothing = dict.fromkeys(Tier, 0.0)
        self._samples = deque(
            [_Sample(at_s=0.0, charged_s=dict(charged_s or nothing), due_s=nothing)]
        )

    def begun(self, turn: Turn, queue: FairQueue, *, at_s: float) -> Begun:
        """Note what of a turn just taken has to be known to count its first job."""
        job = turn.jobs[0]
        is_between = self._tiers[job.tier].evenness.is_between
        return Begun(
            job=job,
            at_s=at_s,
            shares=turn.shares,
            waiting={*queue.accounts(job.tier), job.account} if is_between else (),
            is_last=not queue.may_begin(job.account, job.tier),
        )

    def begin(self, begun: Begun) -> None:
        """Count a job that begins."""
        job = begun.job
        tier = self._tiers[job.tier]
        tier.begun += 1
        for each, share in begun.shares.items():
            self._tiers[each].due_s += share * job.cost_s
        tier.evenness.begin(
            job.account,
            job.cost_s,
            now_s=begun.at_s,
            waiting=begun.waiting,
            is_last=begun.is_last,
        )

    def keep(self, tier: Tier, *, p50: bool, p90: bool) -> None:
        """Count a job that had been told when it would begin, and whether it did within that."""
        watched = self._tiers[tier]
        watched.told += 1
        watched.kept_p50 += p50
        watched.kept_p90 += p90
        watched.recent.append((p50, p90))

    def read(
        self,
        queue: FairQueue,
        *,
        now_s: float,
        slots: int,
        handed_out: Mapping[Tier, int],
        left_s: Mapping[JobId, float],
    ) -> FamilyGauges:
        """Return the gauges of a line.

        Of the jobs it was told to have begun, `handed_out` have not really; `left_s` says how long
        they and the others go on.
        """
        waiting: dict[Tier, list[Waiting]] = {tier: [] for tier in Tier}
        for job in queue.waiting():
            waiting[job.tier].append(job)
        charged = Counter(charge.tier for charge in queue.running().values())
        shares, due_shares = self._shares(queue, now_s)
        lengths_s = [job.cost_s for jobs in waiting.values() for job in jobs]
        lengths_s += [max(0.0, left_s.get(job_id, 0.0)) for job_id in queue.running()]
        return FamilyGauges(
            at_s=now_s,
            slots=slots,
            drain_s=drain_s(lengths_s, slots),
            tiers={
                tier: replace(
                    self._tier(tier, queue, now_s),
                    waiting=len(jobs),
                    handed_out=min(charged[tier], handed_out.get(tier, 0)),
                    running=max(0, charged[tier] - handed_out.get(tier, 0)),
                    oldest_s=max((now_s - job.arrived_s for job in jobs), default=0.0),
                    waiting_gpu_s=sum(job.cost_s for job in jobs),
                    share=shares.get(tier),
                    due_share=due_shares.get(tier),
                )
                for tier, jobs in waiting.items()
            },
        )

    def as_json(self) -> dict[str, Any]:
        """Return the counters as JSON types."""
        return {tier.value: watched.as_json() for tier, watched in self._tiers.items()}

    def _tier(self, tier: Tier, queue: FairQueue, now_s: float) -> TierGauges:
        """Return what was counted of a tier."""
        watched = self._tiers[tier]
        return TierGauges(
            begun=watched.begun,
            promoted=queue.promotions()[tier],
            ended_gpu_s=queue.ended_s()[tier],
            told=watched.told,
            kept_p50=watched.kept_p50,
            kept_p90=watched.kept_p90,
            jain=watched.evenness.index(
                now_s, waits=lambda account: queue.may_begin(AccountId(account), tier)
            ),
            p50_coverage=_part([p50 for p50, _ in watched.recent]),
            p90_coverage=_part([p90 for _, p90 in watched.recent]),
        )

    def _shares(
        self, queue: FairQueue, now_s: float
    ) -> tuple[dict[Tier, float], dict[Tier, float]]:
        """Return what share of the GPU-seconds of the last minutes tiers got and were due."""
        now = _Sample(
            at_s=now_s,
            charged_s=queue.served_s(),
            due_s={tier: watched.due_s for tier, watched in self._tiers.items()},
        )
        self._samples.append(now)
        # The oldest that is kept is the last from before the window.
        while len(self._samples) > 2 and self._samples[1].at_s <= now_s - WINDOW_S:
            self._samples.popleft()
        then = self._samples[0]
        return _parts(then.charged_s, now.charged_s), _parts(then.due_s, now.due_s)


def drain_s(lengths_s: Collection[float], slots: int) -> float | None:
    """Return in how many seconds jobs of these lengths end on `slots` slots; None without any.

    No order can be quicker; ours takes up to one job longer.
    """
    if not lengths_s:
        return 0.0
    return max(max(lengths_s), sum(lengths_s) / slots) if slots else None


def _parts(then: Mapping[Tier, float], now: Mapping[Tier, float]) -> dict[Tier, float]:
    """Return how a growth divides among tiers; nothing where nothing grew."""
    # Corrections of what was charged before may be more than what was charged since.
    grown = {tier: max(0.0, now[tier] - then[tier]) for tier in Tier}
    total = sum(grown.values())
    return {tier: each / total for tier, each in grown.items()} if total > 0 else {}


def _part(kept: Collection[bool]) -> float | None:
    return sum(kept) / len(kept) if kept else None
