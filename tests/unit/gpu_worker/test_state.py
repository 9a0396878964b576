"""The worker's table of states, and its failures."""

import inspect

import pytest

from gpu_worker import state
from gpu_worker.state import IllegalMove, RenderError, WorkerState, move

S = WorkerState


def test_a_job_goes_all_the_way_round():
    here = S.INITIALISING
    for target in (
        S.LOADING,
        S.IDLE,
        S.PROCESSING,
        S.GENERATING,
        S.POST_PROCESSING,
        S.IDLE,
        S.STOPPED,
    ):
        here = move(here, target)
    assert here is S.STOPPED


@pytest.mark.parametrize("stage", [S.PROCESSING, S.GENERATING, S.POST_PROCESSING])
def test_every_stage_of_a_job_may_fail_and_the_worker_goes_on(stage: WorkerState):
    assert move(move(stage, S.ERROR), S.IDLE) is S.IDLE


@pytest.mark.parametrize("stage", [S.PROCESSING, S.GENERATING])
def test_a_cancelled_job_ends_where_it_stands(stage: WorkerState):
    assert move(stage, S.IDLE) is S.IDLE


@pytest.mark.parametrize(
    ("current", "target"),
    [
        (S.IDLE, S.GENERATING),
        (S.IDLE, S.IDLE),
        (S.GENERATING, S.STOPPED),
        (S.INITIALISING, S.IDLE),
        (S.STOPPED, S.IDLE),
    ],
)
def test_where_the_table_does_not_lead_is_a_bug(current: WorkerState, target: WorkerState):
    with pytest.raises(IllegalMove):
        move(current, target)


def test_every_failure_has_a_code_of_its_own():
    failures = [
        kind
        for _, kind in inspect.getmembers(state, inspect.isclass)
        if issubclass(kind, RenderError) and kind is not RenderError
    ]
    codes = [kind.code for kind in failures]
    assert sorted(set(codes)) == sorted(codes)
    assert {kind.code for kind in failures if kind.is_retryable} == {
        "out_of_memory",
        "storage_unavailable",
        "internal",
    }
