"""Made traces have the statistics of production; where its log is at hand, it is measured too."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from statistics import mean, median, pstdev

import pytest

from backend.domain.families import ModelFamily
from backend.domain.tiers import Tier
from backend.scheduling.replay.production import (
    is_production_log,
    overlay_evenings,
    read_production_log,
)
from backend.scheduling.replay.synthetic import (
    EVENING,
    HOURS,
    USER_SHARES,
    Asked,
    as_trace,
    busy_evening,
    production_like,
    shares_by_rank,
)
from backend.scheduling.replay.trace import by_family

REQUESTS, DAYS = 26_823, 24
LOG = Path(__file__).parents[6] / "shared/data/gentd26/lora_request_trace.csv.gz"
GPUS = {ModelFamily.SDXL: 20, ModelFamily.SD3: 10, ModelFamily.FLUX: 10}
HEADER = (
    "gmt_create,predict_type,predict_status,exec_time_seconds,groupId,prompt_length,"
    "negative_prompt_length,num_images_per_prompt,num_inference_steps,"
    "checkpoint_model_version_id,num_lora\n"
)


def _top(values: Sequence[object], ranks: Sequence[int]) -> list[float]:
    counts = [count for _, count in Counter(values).most_common()]
    return [sum(counts[:rank]) / len(values) for rank in ranks]


def _check_what_is_asked(asked: Sequence[Asked]) -> None:
    """Each figure within a tenth of what was measured in production."""
    count = len(asked)
    assert count == pytest.approx(REQUESTS, rel=0.001)
    assert len({each.user for each in asked}) == pytest.approx(4247, rel=0.1)
    assert _top([each.user for each in asked], (1, 10, 50)) == pytest.approx(
        [0.045, 0.147, 0.295], rel=0.1
    )
    assert _top([each.model for each in asked], (1, 2, 5, 10, 20)) == pytest.approx(
        [0.31, 0.46, 0.71, 0.87, 0.94], rel=0.1
    )
    images = Counter(each.images for each in asked)
    assert [images[n] / count for n in (1, 2, 4, 8)] == pytest.approx(
        [0.578, 0.082, 0.192, 0.148], rel=0.1
    )
    assert mean(each.images for each in asked) == pytest.approx(2.69, rel=0.1)
    steps = Counter(each.steps for each in asked)
    assert steps[30] / count == pytest.approx(0.907, rel=0.1)
    assert steps[40] / count == pytest.approx(0.051, rel=0.1)
    with_adapter = sum(each.adapter is not None for each in asked) / count
    assert 0.15 <= with_adapter <= 0.22


def _check_when_it_is_asked(asked: Sequence[Asked]) -> None:
    count = len(asked)
    hours = Counter(int(each.at_s % 86_400 // 3600) for each in asked)
    # One user's long session may fill an hour, but few requests lie in another hour than they did.
    apart = sum(abs(100 * hours[hour] / count - share) for hour, share in enumerate(HOURS)) / 2
    assert apart < 8
    assert sum(hours[hour] for hour in (17, 18, 21, 22, 23, 0)) / count == pytest.approx(
        sum(EVENING) / 100, rel=0.1
    )
    last_s: dict[int, float] = {}
    gaps_s = []
    for each in asked:
        if each.user in last_s:
            gaps_s.append(each.at_s - last_s[each.user])
        last_s[each.user] = each.at_s
    gaps_s.sort()
    told = [gaps_s[int(part * len(gaps_s))] for part in (0.1, 0.25, 0.5, 0.75, 0.9)]
    assert told == pytest.approx([27, 43, 73, 159, 704], rel=0.15)
    neighbours = list(pairwise(asked))
    same_user = sum(one.user == other.user for one, other in neighbours) / count
    same_model = sum(one.model == other.model for one, other in neighbours) / count
    assert same_user == pytest.approx(0.174, rel=0.25)
    assert same_model == pytest.approx(0.253, rel=0.1)


def _check_bursts(asked: Sequence[Asked]) -> None:
    by_hour = defaultdict(list)
    for each in asked:
        by_hour[int(each.at_s // 3600)].append(each.at_s)
    variations = []
    for moments in by_hour.values():
        if len(moments) >= 20:
            gaps = [after - before for before, after in pairwise(moments)]
            variations.append(pstdev(gaps) / mean(gaps))
    assert median(variations) == pytest.approx(1.1, rel=0.1)
    minutes = Counter(int(each.at_s // 60) for each in asked)
    total = DAYS * 1440
    rate = len(asked) / total
    dispersion = sum(n * n for n in minutes.values()) / total / rate - rate
    assert dispersion == pytest.approx(3.8, rel=0.3)
    busiest = max(len(moments) for moments in by_hour.values())
    assert busiest / (len(asked) / (DAYS * 24)) == pytest.approx(9.0, rel=0.4)


# Fixed seeds: what chance does to a month is no property that holds for every one.
@pytest.mark.parametrize("seed", [3, 4, 5])
def test_a_made_month_has_the_statistics_of_the_real_one(seed: int) -> None:
    asked = production_like(requests=REQUESTS, days=DAYS, seed=seed)
    _check_what_is_asked(asked)
    _check_when_it_is_asked(asked)
    _check_bursts(asked)


@pytest.mark.skipif(not LOG.exists(), reason="the production log is not part of the project")
def test_the_real_month_passes_the_same_checks() -> None:
    assert is_production_log(LOG)
    asked = read_production_log(LOG)
    _check_what_is_asked(asked)
    _check_when_it_is_asked(asked)
    _check_bursts(asked)


def test_the_same_seed_makes_the_same_trace() -> None:
    one, other = (as_trace(busy_evening(requests=500, seed=3), gpus=GPUS, seed=3) for _ in "12")
    assert one == other
    assert one != as_trace(busy_evening(requests=500, seed=4), gpus=GPUS, seed=4)


def test_every_familys_gpus_get_about_the_same_load_and_tiers_their_users() -> None:
    trace = as_trace(busy_evening(requests=20_000, seed=1), gpus=GPUS, seed=1)
    loads = [
        sum(row.gpu_s for row in rows) / GPUS[family] for family, rows in by_family(trace).items()
    ]
    assert max(loads) < 1.1 * min(loads)
    users = {(row.user, row.tier) for row in trace}
    assert len(users) == len({user for user, _ in users})
    tiers = Counter(tier for _, tier in users)
    shares = [tiers[tier] / len(users) for tier in Tier]
    assert shares == pytest.approx([0.15, 0.30, 0.55], abs=0.01)


def test_shares_by_rank_sum_to_one_and_never_grow_much() -> None:
    shares = shares_by_rank(USER_SHARES)
    assert sum(shares) == pytest.approx(1.0)
    assert len(shares) == 4247
    assert shares[0] == 0.045


def test_evenings_are_laid_over_one_another_until_there_are_enough(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    rows = [
        f"2024-11-{day:02} {hour:02}:30:00,T,SUCCEED,9,G{day},1,1,4.0,30.0,M{day % 3},{day % 2}\n"
        for day in range(15, 20)
        for hour in (3, 18, 22)
    ]
    path.write_text(HEADER + "".join(rows))
    asked = read_production_log(path)
    assert len(asked) == 15
    assert {each.images for each in asked} == {4}
    evening = overlay_evenings(asked, requests=25, seed=0)
    assert len(evening) == 25
    assert all(0 <= each.at_s < 6 * 3600 for each in evening)
    assert evening == sorted(evening, key=lambda each: each.at_s)
