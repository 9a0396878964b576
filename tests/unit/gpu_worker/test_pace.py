"""How long stages usually take, and after what time one hangs."""

from hypothesis import given, settings
from hypothesis import strategies as st

from gpu_worker.engine.pace import (
    ASK_AHEAD_S,
    KEPT,
    SHAPES_MAX,
    AwakeClock,
    Bounds,
    Lead,
    Pace,
    Stage,
    shape_of,
)
from tests.unit.gpu_worker.conftest import a_render_job

BOUNDS = Bounds(least_s=12, times_usual=10, new_s=1800, release_s=180)


def test_what_was_never_seen_may_take_very_long():
    assert Pace(bounds=BOUNDS).bound_s(Stage.STEPPING, "a") == 1800


def test_quick_steps_hang_after_the_least_bound_and_slow_ones_after_ten_times_the_usual():
    pace = Pace(bounds=BOUNDS)
    pace.learn(Stage.STEPPING, "quick", 0.03)
    pace.learn(Stage.STEPPING, "slow", 9.0)
    assert pace.bound_s(Stage.STEPPING, "quick") == 12
    assert pace.bound_s(Stage.STEPPING, "slow") == 90
    assert pace.bound_s(Stage.DECODING, "quick") == 1800


def test_one_long_compile_does_not_make_all_later_steps_patient():
    pace = Pace(bounds=BOUNDS)
    pace.learn(Stage.STEPPING, "a", 300.0)
    assert pace.bound_s(Stage.STEPPING, "a") == 3000
    for _ in range(2):
        pace.learn(Stage.STEPPING, "a", 0.03)
    assert pace.bound_s(Stage.STEPPING, "a") == 12


def test_storing_is_given_the_time_that_checks_may_take():
    pace = Pace(bounds=BOUNDS)
    pace.learn(Stage.RELEASING, "a", 0.3)
    assert pace.bound_s(Stage.RELEASING, "a") == 180


@settings(deadline=None)
@given(st.lists(st.floats(0.001, 100), min_size=1, max_size=40))
def test_the_usual_is_one_of_the_latest_or_between_two(seconds: list[float]):
    pace = Pace()
    for each in seconds:
        pace.learn(Stage.STEPPING, "a", each)
    usual_s = pace.usual_s(Stage.STEPPING, "a")
    assert usual_s is not None
    assert min(seconds[-KEPT:]) <= usual_s <= max(seconds[-KEPT:])


def test_shapes_nobody_asks_for_any_more_are_forgotten():
    pace = Pace()
    for number in range(SHAPES_MAX + 1):
        pace.learn(Stage.STEPPING, number, 1.0)
        pace.learn(Stage.DECODING, "often", 1.0)
    assert pace.usual_s(Stage.STEPPING, 0) is None
    assert pace.usual_s(Stage.DECODING, "often") == 1.0


def test_what_needs_kernels_of_its_own_is_a_shape_of_its_own():
    jobs = [
        a_render_job(),
        a_render_job(image_count=2),
        a_render_job(aspect_width=3, aspect_height=2),
        a_render_job(guidance=1.0),
        a_render_job(adapters=("fox",)),
        a_render_job(source={"key": "images/0", "strength": 0.5}),
    ]
    assert len({shape_of(job) for job in jobs}) == len(jobs)
    assert shape_of(a_render_job(seed=1, steps=9)) == shape_of(a_render_job(seed=2, steps=30))


def test_a_clock_passes_over_the_time_a_process_stood_still():
    now = [10.0]
    clock = AwakeClock(clock=lambda: now[0])
    before = clock()
    now[0] += 65.0
    clock.pass_over(60.0)
    assert clock() - before == 5.0


def test_where_answers_come_at_once_the_next_job_is_asked_for_late():
    lead = Lead()
    assert lead.ask_ahead_s == ASK_AHEAD_S[0]
    for _ in range(20):
        lead.learn(0.02)
    assert lead.ask_ahead_s == ASK_AHEAD_S[0]


@given(answers_s=st.lists(st.floats(0, 2.0), min_size=1, max_size=8))
def test_the_next_job_is_asked_for_before_its_answer_is_due(answers_s: list[float]):
    lead = Lead()
    for answer_s in answers_s:
        lead.learn(answer_s)
    assert lead.ask_ahead_s >= max(answers_s)
    assert ASK_AHEAD_S[0] <= lead.ask_ahead_s <= ASK_AHEAD_S[1]


def test_a_slow_time_is_forgotten_after_a_few_jobs():
    lead = Lead()
    lead.learn(0.8)
    assert lead.ask_ahead_s > 1
    for _ in range(8):
        lead.learn(0.02)
    assert lead.ask_ahead_s == ASK_AHEAD_S[0]


def test_a_wish_that_waited_for_people_teaches_nothing():
    lead = Lead()
    lead.learn(ASK_AHEAD_S[1] + 0.1)
    assert lead.ask_ahead_s == ASK_AHEAD_S[0]
