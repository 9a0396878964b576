"""What the house promises of waits, replayed on made traces; seeds are fixed, so figures are."""

import pytest

from backend.domain.families import ModelFamily
from backend.domain.tiers import Tier
from backend.scheduling.replay.compare import PolicyFigures, compare
from backend.scheduling.replay.policies import PolicyName
from backend.scheduling.replay.synthetic import as_trace, busy_evening
from backend.scheduling.replay.trace import rescale

GPUS = {ModelFamily.SDXL: 20, ModelFamily.SD3: 10, ModelFamily.FLUX: 10}
FEW_GPUS = {ModelFamily.SDXL: 4, ModelFamily.SD3: 2, ModelFamily.FLUX: 2}


def _ours(gpus, *, jobs: int, load: float, forecasts: int = 2) -> PolicyFigures:
    made = as_trace(busy_evening(requests=jobs, seed=0), gpus=gpus, seed=0)
    trace = rescale(made, load=load, gpus=gpus)
    figures = compare(trace, gpus=gpus, policies=[PolicyName.OURS], forecasts=forecasts)
    return figures[PolicyName.OURS]


def test_at_a_load_of_085_waits_are_short_and_as_they_were_told() -> None:
    ours = _ours(GPUS, jobs=15_000, load=0.85, forecasts=60)
    assert ours.tiers[Tier.TURBO].p95_s <= 1.5
    assert ours.tiers[Tier.FAST].p95_s <= 3.0
    assert ours.tiers[Tier.RELAX].light_over_5min_share <= 0.05
    assert all(figures.jain >= 0.95 for figures in ours.tiers.values())
    _check_told(ours)


@pytest.mark.parametrize("load", [0.5, 0.85, 1.0, 1.2, 1.5, 2.0])
def test_no_tier_waits_longer_than_a_lower_one(load: float) -> None:
    tiers = _ours(FEW_GPUS, jobs=3_000, load=load).tiers
    turbo, fast, relax = (tiers[tier] for tier in Tier)
    assert turbo.p50_s <= fast.p50_s <= relax.p50_s
    assert turbo.p95_s <= fast.p95_s <= relax.p95_s


def test_nine_in_ten_told_waits_are_kept_in_an_overload_too() -> None:
    _check_told(_ours(FEW_GPUS, jobs=1_500, load=2.0, forecasts=60))


def _check_told(figures: PolicyFigures) -> None:
    assert figures.eta is not None
    assert len(figures.eta.told) >= 500
    assert 0.85 <= figures.eta.coverage() <= 0.95
