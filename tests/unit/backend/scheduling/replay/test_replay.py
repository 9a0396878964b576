"""Replays: what they measure, and what the policies do to those who wait."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.domain.families import ModelFamily
from backend.domain.tiers import Tier
from backend.scheduling.costs import CostModel
from backend.scheduling.replay.compare import compare
from backend.scheduling.replay.engine import Replay
from backend.scheduling.replay.measure import light_users, quantile
from backend.scheduling.replay.policies import PolicyName, make_policy
from backend.scheduling.replay.trace import Arrival, BadTrace, read_trace, rescale, write_trace
from backend.scheduling.rules import FairRules, plain_stride

FAMILY = ModelFamily.SDXL
arrivals = st.lists(
    st.builds(
        Arrival,
        arrival_s=st.floats(0, 50).map(lambda moment_s: round(moment_s, 2)),
        user=st.sampled_from("abcd"),
        tier=st.sampled_from(Tier),
        family=st.just(FAMILY),
        gpu_s=st.sampled_from((0.5, 1.0, 4.0)),
        images=st.sampled_from((1, 4)),
        adapter=st.sampled_from(("", "cat", "dog")),
    ),
    min_size=1,
    max_size=60,
).map(lambda rows: sorted(rows, key=lambda row: row.arrival_s))


def an_arrival(arrival_s: float = 0.0, *, user: str = "ada", tier: Tier = Tier.RELAX) -> Arrival:
    return Arrival(arrival_s=arrival_s, user=user, tier=tier, family=FAMILY, gpu_s=2.0)


def a_burst(gpus: int) -> list[Arrival]:
    """One user asks for 500 at once, and 20 others for 3 each in the time that takes."""
    span_s = 500 * 2.0 / gpus
    guests = [
        an_arrival(span_s * (guest + 0.5) / 20, user=f"guest{guest}")
        for guest in range(20)
        for _ in range(3)
    ]
    whale = [an_arrival(user="whale") for _ in range(500)]
    return sorted([*whale, *guests], key=lambda row: row.arrival_s)


@given(rows=arrivals, name=st.sampled_from(PolicyName), gpus=st.integers(1, 4))
def test_every_job_is_drawn_once_by_whichever_policy_and_no_gpu_idles(rows, name, gpus) -> None:
    policy = make_policy(name, slots=gpus, seed=0, rules=None)
    outcome = Replay(rows, gpus=gpus, policy=policy, costs=CostModel()).play()
    assert sorted(outcome.order) == list(range(len(rows)))
    ends_s = [start + took for start, took in zip(outcome.starts_s, outcome.took_s, strict=True)]
    for place, start_s in enumerate(outcome.starts_s):
        assert start_s >= rows[place].arrival_s
        busy = sum(
            other_s <= start_s < end_s
            for other_s, end_s in zip(outcome.starts_s, ends_s, strict=True)
        )
        assert busy <= gpus
        if start_s > rows[place].arrival_s:
            # It waited for a GPU, so it begins when one becomes free.
            assert any(abs(end_s - start_s) < 1e-9 for end_s in ends_s)


@pytest.mark.parametrize("gpus", [4, 8, 20])
def test_one_users_burst_of_500_hardly_delays_the_others(gpus: int) -> None:
    rows = a_burst(gpus)
    waits = {}
    for name in (PolicyName.OURS, PolicyName.FIFO):
        policy = make_policy(name, slots=gpus, seed=0, rules=FairRules())
        outcome = Replay(rows, gpus=gpus, policy=policy, costs=CostModel()).play()
        waits[name] = quantile(
            [
                start_s - row.arrival_s
                for row, start_s in zip(rows, outcome.starts_s, strict=True)
                if row.user != "whale"
            ],
            0.95,
        )
    assert waits[PolicyName.OURS] <= 2 * 2.0
    assert waits[PolicyName.FIFO] > 10 * waits[PolicyName.OURS]
    policies = [PolicyName.OURS, PolicyName.FIFO]
    figures = compare(rows, gpus={FAMILY: gpus}, policies=policies, forecasts=5)
    assert figures[PolicyName.OURS].jain >= 0.95
    assert figures[PolicyName.FIFO].jain < 0.7


def test_with_everything_backlogged_the_shares_are_told_as_they_are() -> None:
    rows = [an_arrival(user=f"u{number % 9}", tier=tier) for number in range(300) for tier in Tier]
    ours, plain = (
        compare(rows, gpus={FAMILY: 8}, policies=[PolicyName.OURS], rules=rules, forecasts=2)
        for rules in (FairRules(), plain_stride())
    )
    shares = [
        [figures[PolicyName.OURS].tiers[tier].share for tier in Tier] for figures in (ours, plain)
    ]
    assert shares[0] == pytest.approx([0.6, 0.3, 0.1], abs=0.01)
    assert shares[1] == pytest.approx([10 / 16, 5 / 16, 1 / 16], abs=0.01)


def test_families_without_gpus_are_left_out() -> None:
    figures = compare([an_arrival()], gpus={ModelFamily.FLUX: 1}, policies=[PolicyName.FIFO])
    assert figures[PolicyName.FIFO].tiers == {}


@given(rows=arrivals, load=st.floats(0.1, 3))
def test_a_rescaled_trace_has_the_load_asked_for(rows, load) -> None:
    span_s = rows[-1].arrival_s - rows[0].arrival_s
    if span_s <= 0:
        return
    scaled = rescale(rows, load=load, gpus={FAMILY: 3})
    new_span_s = scaled[-1].arrival_s - scaled[0].arrival_s
    assert sum(row.gpu_s for row in scaled) / (3 * new_span_s) == pytest.approx(load)


@given(rows=arrivals)
def test_a_trace_survives_being_written(rows, tmp_path_factory) -> None:
    path: Path = tmp_path_factory.mktemp("trace") / "trace.csv"
    write_trace(path, rows)
    assert read_trace(path) == rows


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("a,b\n1,2\n", "no column arrival_s"),
        ("arrival_s,user,tier,family,gpu_s,images,adapter\n", "no requests"),
        ("arrival_s,user,tier,family,gpu_s,images,adapter\nx,u,turbo,sdxl,1,1,\n", "line 2"),
        ("arrival_s,user,tier,family,gpu_s,images,adapter\n0,u,slow,sdxl,1,1,\n", "line 2"),
        ("arrival_s,user,tier,family,gpu_s,images,adapter\n0,u,turbo,sdxl,-1,1,\n", "line 2"),
        ("arrival_s,user,tier,family,gpu_s,images,adapter\n0,u\n", "line 2"),
    ],
)
def test_what_is_no_trace_is_refused_with_its_line(text, complaint, tmp_path: Path) -> None:
    path = tmp_path / "trace.csv"
    path.write_text(text)
    with pytest.raises(BadTrace, match=complaint):
        read_trace(path)


def test_light_users_ask_for_no_more_than_the_mean() -> None:
    rows = [an_arrival(user="heavy") for _ in range(10)] + [an_arrival(user="light")]
    assert light_users(rows) == {(Tier.RELAX, "light")}
