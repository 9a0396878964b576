"""Replays one trace under several policies and lays the figures side by side."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from backend.domain.families import ModelFamily
from backend.domain.tiers import Tier
from backend.scheduling.costs import CostModel
from backend.scheduling.replay.engine import Replay
from backend.scheduling.replay.eta_watch import EtaTally, EtaWatch
from backend.scheduling.replay.measure import Tally, TierFigures
from backend.scheduling.replay.policies import Ours, Policy, PolicyName, make_policy
from backend.scheduling.replay.trace import Arrival, by_family
from backend.scheduling.rules import FairRules

FORECASTS = 60
CURVE_POINTS = 200


@dataclass(frozen=True, kw_only=True)
class PolicyFigures:
    """What one policy did with the trace; `curves` are waits at even steps from best to worst."""

    jain: float
    cold_loads: int
    tiers: Mapping[Tier, TierFigures]
    curves: Mapping[Tier, Sequence[float]]
    eta: EtaTally | None = None

    def as_json(self) -> dict[str, Any]:
        """Return the figures as JSON types."""
        document: dict[str, Any] = {
            "jain": round(self.jain, 4),
            "cold_loads": self.cold_loads,
            "tiers": {
                tier.value: {
                    name: round(value, 4) if isinstance(value, float) else value
                    for name, value in asdict(figures).items()
                }
                for tier, figures in self.tiers.items()
            },
        }
        if self.eta is not None:
            document["eta"] = {
                "told": len(self.eta.told),
                "p90_coverage": round(self.eta.coverage(), 4),
                "p50_coverage": round(self.eta.coverage(is_p90=False), 4),
                "median_error": round(self.eta.median_error(), 4),
            }
        return document


def compare(
    arrivals: Sequence[Arrival],
    *,
    gpus: Mapping[ModelFamily, int],
    policies: Sequence[PolicyName],
    seed: int = 0,
    rules: FairRules | None = None,
    forecasts: int = FORECASTS,
    on_done: Callable[[PolicyName], None] = lambda _: None,
) -> dict[PolicyName, PolicyFigures]:
    """Replay the trace under each policy; families without GPUs are left out.

    `forecasts` is at how many moments waits are told to those who wait under our policy.
    """
    parted = {
        family: rows for family, rows in by_family(arrivals).items() if gpus.get(family, 0) > 0
    }
    figures = {}
    for name in policies:
        figures[name] = _play(name, parted, gpus, seed, rules, forecasts)
        on_done(name)
    return figures


def _play(
    name: PolicyName,
    parted: Mapping[ModelFamily, Sequence[Arrival]],
    gpus: Mapping[ModelFamily, int],
    seed: int,
    rules: FairRules | None,
    forecasts: int,
) -> PolicyFigures:
    tally, eta, cold_loads = Tally(), EtaTally(), 0
    for family, rows in parted.items():
        costs = CostModel()
        policy = make_policy(name, slots=gpus[family], seed=seed, rules=rules)
        outcome = Replay(
            rows,
            gpus=gpus[family],
            policy=policy,
            costs=costs,
            watcher=_watch(policy, costs, rows, eta, slots=gpus[family], forecasts=forecasts),
        ).play()
        tally.count(rows, outcome)
        cold_loads += outcome.cold_loads
    return PolicyFigures(
        jain=tally.jain(),
        cold_loads=cold_loads,
        tiers=tally.tiers(),
        curves={tier: _curve(waits) for tier, waits in tally.waits_s.items() if waits},
        eta=eta if name is PolicyName.OURS else None,
    )


def _watch(
    policy: Policy,
    costs: CostModel,
    rows: Sequence[Arrival],
    tally: EtaTally,
    *,
    slots: int,
    forecasts: int,
) -> EtaWatch | None:
    if not isinstance(policy, Ours):
        return None
    work_s = sum(row.gpu_s for row in rows) / slots
    span_s = max(work_s, rows[-1].arrival_s - rows[0].arrival_s)
    return EtaWatch(
        family=rows[0].family,
        queue=policy.queue,
        costs=costs,
        slots=slots,
        every_s=max(1.0, span_s / forecasts),
        tally=tally,
    )


def _curve(waits_s: Sequence[float]) -> list[float]:
    ranked = sorted(waits_s)
    last = len(ranked) - 1
    return [ranked[round(last * point / CURVE_POINTS)] for point in range(CURVE_POINTS + 1)]
