"""What a worker with several jobs in hand is said to do, and for how long."""

import itertools
from collections.abc import Callable
from contextlib import ExitStack

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.contracts import WorkerState
from gpu_worker.course import Course, overall
from gpu_worker.state import MOVES, IllegalMove, Transition

S = WorkerState
IN_A_JOB = [S.PROCESSING, S.LOADING_ADAPTERS, S.GENERATING, S.POST_PROCESSING, S.ERROR]


def in_service(*listeners: Callable[[Transition], None], **fields) -> Course:
    course = Course(*listeners, **fields)
    course.move(S.LOADING)
    course.move(S.IDLE)
    return course


def test_with_one_job_the_worker_does_what_the_job_does():
    told: list[Transition] = []
    course = in_service(told.append)
    with course.job() as job:
        for target in (*IN_A_JOB, S.IDLE):
            job.move(target)
            assert course.state is target
    assert [one.target for one in told] == [S.LOADING, S.IDLE, *IN_A_JOB, S.IDLE]
    assert all(one.target in MOVES[one.source] for one in told)


def test_of_two_jobs_the_one_that_keeps_the_engine_busy_counts():
    course = in_service()
    with course.job() as stored, course.job() as drawn:
        for target in (S.PROCESSING, S.GENERATING, S.POST_PROCESSING):
            stored.move(target)
        assert course.state is S.POST_PROCESSING
        drawn.move(S.PROCESSING)
        drawn.move(S.GENERATING)
        stored.move(S.IDLE)
        assert course.state is S.GENERATING
    assert course.state is S.IDLE


def test_a_job_that_breaks_off_leaves_nothing_behind():
    course = in_service()

    def break_off() -> None:
        with course.job() as job:
            job.move(S.PROCESSING)
            raise KeyError

    with pytest.raises(KeyError):
        break_off()
    assert course.state is S.IDLE


def test_a_worker_out_of_service_says_so_whatever_its_jobs_do():
    course = in_service()
    with course.job() as job:
        job.move(S.PROCESSING)
        course.fall_ill("no memory")
        assert (course.state, course.takes_jobs, course.is_ill) == (S.UNHEALTHY, False, True)
        job.move(S.GENERATING)
        assert course.state is S.UNHEALTHY
        assert course.recover()
        assert course.state is S.GENERATING
        assert not course.recover()


def test_the_reason_is_told():
    told: list[Transition] = []
    course = in_service()
    course.listen(told.append)
    course.fall_ill("no memory")
    assert told == [
        Transition(source=S.IDLE, target=S.RECOVERING, reason="no memory"),
        Transition(source=S.RECOVERING, target=S.UNHEALTHY, reason="no memory"),
    ]


def test_a_model_that_does_not_load_puts_a_worker_out_of_service_too():
    course = Course()
    course.move(S.LOADING)
    course.move(S.ERROR)
    course.fall_ill("no model")
    assert course.is_ill


def test_an_illegal_move_moves_nothing():
    course = in_service()
    with pytest.raises(IllegalMove):
        course.move(S.GENERATING)
    assert course.state is S.IDLE


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 11), st.integers(0, 9)), max_size=80))
def test_any_history_adds_up(history: list[tuple[int, int, int]]):
    """Seconds add up to the time that passed, ways in to the moves told; no job is forgotten."""
    now = 0.0
    told: list[Transition] = []
    course = in_service(told.append, clock=lambda: now)
    with ExitStack() as jobs:
        machines = [jobs.enter_context(course.job()) for _ in range(3)]
        for who, choice, passed in history:
            now += passed
            allowed = [one for one in (*IN_A_JOB, S.IDLE) if one in MOVES[machines[who].state]]
            machines[who].move(sorted(allowed)[choice % len(allowed)])
            assert course.state is overall(S.IDLE, [machine.state for machine in machines])
            assert course.state is S.IDLE or course.state in [one.state for one in machines]
    assert course.state is S.IDLE
    assert sum(course.seconds().values()) == pytest.approx(now)
    assert sum(course.entered().values()) == len(told) + 1
    for before, after in itertools.pairwise(told):
        assert after.source is before.target
        assert after.source is not after.target
