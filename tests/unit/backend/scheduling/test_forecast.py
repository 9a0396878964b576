"""When a job will begin, and what is told of it."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.domain.families import ModelFamily
from backend.domain.requests import JobId
from backend.domain.tiers import Tier
from backend.scheduling.arrivals import RecentArrivals
from backend.scheduling.eta import Eta, EtaErrors
from backend.scheduling.explain import explain
from backend.scheduling.fair_queue import FairQueue
from backend.scheduling.forecast import Place, forecast
from tests.unit.backend.scheduling.lines import a_row, drain, with_limit

SOON = Eta(p50_s=4.0, p90_s=9.0)


def _a_place(expected_s: float = 10.0, ahead=(0, 0, 0), own_ahead: int = 0) -> Place:
    return Place(tier=Tier.RELAX, ahead=ahead, own_ahead=own_ahead, expected_s=expected_s)


def _a_line(count: int) -> FairQueue:
    queue = FairQueue()
    for number in range(count):
        queue.add(a_row(number, account=number % 50, tier=list(Tier)[number % 3]))
    return queue


@given(
    rows=st.lists(
        st.tuples(st.sampled_from(Tier), st.integers(0, 5), st.sampled_from((0.5, 1.0, 4.0))),
        min_size=1,
        max_size=60,
    )
)
def test_on_one_gpu_with_nobody_else_coming_the_forecast_comes_true(rows) -> None:
    queue = FairQueue()
    for number, (tier, account, cost_s) in enumerate(rows):
        queue.add(a_row(number, account=account, tier=tier, cost_s=cost_s))
    places = forecast(queue, now_s=0.0, slots=1).places
    now_s = 0.0
    for position in range(len(rows)):
        turn = queue.take(now_s=now_s, slots=1)
        assert turn is not None
        job = turn.jobs[0]
        assert places[job.job_id].expected_s == pytest.approx(now_s)
        assert places[job.job_id].position == position
        queue.finish(job.job_id)
        now_s += job.cost_s


def test_looking_ahead_changes_nothing() -> None:
    queue = _a_line(60)
    drain(queue, 7, slots=3)
    before = queue.memory()
    forecast(queue, now_s=7.0, slots=3)
    assert queue.memory() == before


def test_running_jobs_are_waited_for() -> None:
    queue = FairQueue()
    queue.add(a_row("running"))
    queue.take(now_s=0.0, slots=1)
    queue.add(a_row("next"))
    place = forecast(queue, now_s=0.0, slots=1, left_s={JobId("running"): 3.0}).place(JobId("next"))
    assert place is not None
    assert place.expected_s == pytest.approx(3.0)
    assert place.position == 0


def test_only_jobs_that_begin_earlier_count() -> None:
    queue = FairQueue()
    for number in range(100):
        queue.add(a_row(f"whale{number}", account="whale"))
    queue.add(a_row("mine", account="me", tier=Tier.TURBO, arrived_s=1.0))
    place = forecast(queue, now_s=1.0, slots=1).place(JobId("mine"))
    assert place is not None
    assert place.position == 0


def test_those_who_will_probably_come_make_one_wait_longer() -> None:
    queue, recent = FairQueue(), RecentArrivals()
    for number in range(300):
        recent.count(a_row(f"t{number}", account=number, tier=Tier.TURBO, arrived_s=number / 1.1))
    for number in range(50):
        queue.add(a_row(number, arrived_s=273.0))
    last = JobId("49")
    alone = forecast(queue, now_s=273.0, slots=2).places[last]
    beset = forecast(queue, now_s=273.0, slots=2, expected=recent.expected(273.0)).places[last]
    assert beset.expected_s > 1.5 * alone.expected_s
    assert beset.position == alone.position == 49


def test_nobody_is_left_out_beyond_the_horizon_nor_when_none_may_begin() -> None:
    queue = _a_line(900)
    places = forecast(queue, now_s=0.0, slots=4, decisions_max=90).places
    assert len(places) == 900
    assert any(place.is_beyond for place in places.values())
    limited = FairQueue(rules=with_limit(1))
    for number in range(5):
        limited.add(a_row(number))
    assert len(forecast(limited, now_s=0.0, slots=8).places) == 5
    assert len(forecast(limited, now_s=0.0, slots=0).places) == 5


class CountedId(str):
    """An id that counts how often it is held against another."""

    __slots__ = ("compared",)

    def __new__(cls, text: str):
        made = super().__new__(cls, text)
        made.compared = 0
        return made

    __hash__ = str.__hash__

    def __eq__(self, other) -> bool:
        self.compared += 1
        return str.__eq__(self, other)


def test_a_place_among_ten_thousand_is_looked_up_and_not_searched_for() -> None:
    seen = forecast(_a_line(10_000), now_s=0.0, slots=40)
    for number in range(0, 10_000, 10):
        asked = CountedId(str(number))
        assert seen.place(JobId(asked)) is not None
        assert asked.compared < 10


@given(expected_s=st.floats(0, 1e5), factor=st.floats(0.3, 3))
def test_told_waits_are_ordered_and_learn_what_really_happened(expected_s, factor) -> None:
    errors, place = EtaErrors(), _a_place(expected_s)
    for _ in range(50):
        errors.learn(place, errors.eta(place), expected_s * factor)
    told = errors.eta(place)
    assert 0 <= told.p50_s <= told.p90_s
    assert told.p50_s == pytest.approx(expected_s * factor, rel=0.01, abs=0.01)
    restored = EtaErrors(document=json.loads(json.dumps(errors.as_json())))
    assert restored.eta(place).p90_s == pytest.approx(told.p90_s, rel=1e-3, abs=1e-3)


def test_broken_promises_make_the_next_ones_more_careful() -> None:
    errors, place = EtaErrors(), _a_place(30.0)
    before = errors.eta(place).p90_s
    for _ in range(5):
        errors.learn(place, errors.eta(place), 300.0)
    assert errors.eta(place).p90_s > before


@pytest.mark.parametrize(
    ("place", "slots", "sentence"),
    [
        (_a_place(), 0, "No sdxl worker is there right now; it begins when one comes."),
        (_a_place(), 1, "It is next for sdxl, where 1 picture is drawn at a time."),
        (
            _a_place(ahead=(0, 1, 0)),
            2,
            "1 fast job begins before it on sdxl, where 2 pictures are drawn at a time.",
        ),
        (
            _a_place(ahead=(2, 1, 4), own_ahead=3),
            8,
            "2 turbo, 1 fast and 4 relax jobs, 3 of them yours begin before it on sdxl, "
            "where 8 pictures are drawn at a time.",
        ),
    ],
)
def test_why_is_one_sentence(place: Place, slots: int, sentence: str) -> None:
    assert explain(place, family=ModelFamily.SDXL, slots=slots, running=0) == sentence


def test_whoever_has_as_many_running_as_they_may_is_told_so() -> None:
    told = explain(_a_place(), family=ModelFamily.SDXL, slots=4, running=2, running_max=2)
    assert told == "You have 2 running in relax, the most at once; it is next after one."
    told = explain(_a_place(), family=ModelFamily.SDXL, slots=4, running=1, running_max=2)
    assert told == "It is next for sdxl, where 4 pictures are drawn at a time."
