"""What a replay shows: waits, shares and how evenly accounts were served."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from backend.domain.tiers import Tier
from backend.scheduling.evenness import RoundEnd, Rounds, mean_jain
from backend.scheduling.replay.engine import Replayed
from backend.scheduling.replay.trace import Arrival

LONG_WAIT_S = 300.0
STRETCH_MIN = 100


@dataclass(frozen=True, kw_only=True)
class TierFigures:
    """One tier under one policy. `light` users ask for no more than the tier's mean user."""

    jobs: int
    p50_s: float
    p95_s: float
    over_5min_share: float
    light_over_5min_share: float
    served_gpu_s: float
    share: float
    jain: float


@dataclass(kw_only=True)
class Tally:
    """Collects what replays of several families show, tier by tier."""

    waits_s: dict[Tier, list[float]] = field(default_factory=lambda: _lists())
    light_waits_s: dict[Tier, list[float]] = field(default_factory=lambda: _lists())
    served_gpu_s: dict[Tier, float] = field(default_factory=lambda: dict.fromkeys(Tier, 0.0))
    # Begun while all three tiers of the family had jobs waiting, for long.
    contended_gpu_s: dict[Tier, float] = field(default_factory=lambda: dict.fromkeys(Tier, 0.0))
    jains: dict[Tier, list[tuple[float, float]]] = field(
        default_factory=lambda: {tier: [] for tier in Tier}
    )

    def count(self, arrivals: Sequence[Arrival], outcome: Replayed) -> None:
        """Take in one family's replay."""
        light = light_users(arrivals)
        for arrival, start_s, took_s in zip(
            arrivals, outcome.starts_s, outcome.took_s, strict=True
        ):
            waited_s = start_s - arrival.arrival_s
            self.waits_s[arrival.tier].append(waited_s)
            if (arrival.tier, arrival.user) in light:
                self.light_waits_s[arrival.tier].append(waited_s)
            self.served_gpu_s[arrival.tier] += took_s
        for tier, gpu_s in contended_gpu_s(arrivals, outcome).items():
            self.contended_gpu_s[tier] += gpu_s
        for tier in Tier:
            self.jains[tier].append(jain_in_tier(arrivals, outcome, tier))

    def jain(self) -> float:
        """Return how evenly accounts were served, over all tiers."""
        return _mean([each for tier in Tier for each in self.jains[tier]])

    def tiers(self) -> dict[Tier, TierFigures]:
        """Return the figures of tiers that had jobs."""
        contended = self.contended_gpu_s if sum(self.contended_gpu_s.values()) else None
        given = contended or self.served_gpu_s
        total = sum(given.values()) or 1.0
        return {
            tier: TierFigures(
                jobs=len(self.waits_s[tier]),
                p50_s=quantile(self.waits_s[tier], 0.5),
                p95_s=quantile(self.waits_s[tier], 0.95),
                over_5min_share=_over(self.waits_s[tier]),
                light_over_5min_share=_over(self.light_waits_s[tier]),
                served_gpu_s=self.served_gpu_s[tier],
                share=given[tier] / total,
                jain=_mean(self.jains[tier]),
            )
            for tier in Tier
            if self.waits_s[tier]
        }


def light_users(arrivals: Iterable[Arrival]) -> set[tuple[Tier, str]]:
    """Return who asks for no more GPU-seconds of a tier than its mean user does."""
    asked: dict[Tier, dict[str, float]] = {tier: defaultdict(float) for tier in Tier}
    for arrival in arrivals:
        asked[arrival.tier][arrival.user] += arrival.gpu_s
    return {
        (tier, user)
        for tier, users in asked.items()
        for user, gpu_s in users.items()
        if gpu_s <= sum(users.values()) / len(users) * (1 + 1e-9)
    }


def contended_gpu_s(arrivals: Sequence[Arrival], outcome: Replayed) -> dict[Tier, float]:
    """Sum the GPU-seconds begun while all three tiers had jobs waiting without a break.

    Only stretches of `STRETCH_MIN` beginnings count: in shorter ones a tier has work just when it
    is its turn.
    """
    waiting = dict.fromkeys(Tier, 0)
    given = dict.fromkeys(Tier, 0.0)
    stretch: list[int] = []
    arrived = 0
    for place in outcome.order:
        now_s = outcome.starts_s[place]
        while arrived < len(arrivals) and arrivals[arrived].arrival_s <= now_s:
            waiting[arrivals[arrived].tier] += 1
            arrived += 1
        if all(waiting.values()):
            stretch.append(place)
        else:
            _count_stretch(stretch, arrivals, outcome, given)
            stretch.clear()
        waiting[arrivals[place].tier] -= 1
    _count_stretch(stretch, arrivals, outcome, given)
    return given


def _count_stretch(
    stretch: Sequence[int],
    arrivals: Sequence[Arrival],
    outcome: Replayed,
    given: dict[Tier, float],
) -> None:
    if len(stretch) >= STRETCH_MIN:
        for place in stretch:
            given[arrivals[place].tier] += outcome.took_s[place]


def jain_in_tier(arrivals: Sequence[Arrival], outcome: Replayed, tier: Tier) -> tuple[float, float]:
    """Return how much was competed for in a tier, in account-seconds, and Jain's index of it."""
    mine = [arrival for arrival in arrivals if arrival.tier is tier]
    waiting: dict[str, int] = {}
    arrived = 0
    rounds = Rounds()
    ended: list[RoundEnd] = []
    for place in outcome.order:
        if arrivals[place].tier is not tier:
            continue
        now_s = outcome.starts_s[place]
        while arrived < len(mine) and mine[arrived].arrival_s <= now_s:
            waiting[mine[arrived].user] = waiting.get(mine[arrived].user, 0) + 1
            arrived += 1
        user = arrivals[place].user
        over = rounds.begin(
            user,
            arrivals[place].gpu_s,
            now_s=now_s,
            waiting=waiting,
            is_last=waiting[user] == 1,
        )
        if over is not None:
            ended.append(over)
        waiting[user] -= 1
        if not waiting[user]:
            del waiting[user]
    competed_s = sum(each.weight for each in ended)
    return competed_s, mean_jain(ended) if competed_s else 1.0


def quantile(values: Sequence[float], part: float) -> float:
    """Return the smallest value that `part` of all do not exceed; 0 of none."""
    if not values:
        return 0.0
    ranked = sorted(values)
    return ranked[min(len(ranked) - 1, max(0, round(part * len(ranked)) - 1))]


def _over(waits_s: Sequence[float]) -> float:
    return sum(waited_s > LONG_WAIT_S for waited_s in waits_s) / len(waits_s) if waits_s else 0.0


def _mean(weighed: Sequence[tuple[float, float]]) -> float:
    count = sum(weight for weight, _ in weighed)
    return sum(weight * value for weight, value in weighed) / count if count else 1.0


def _lists() -> dict[Tier, list[float]]:
    return {tier: [] for tier in Tier}
