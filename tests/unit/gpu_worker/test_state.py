"""The worker's table of states, who is told of its moves, and its failures."""

import inspect

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.contracts import WorkerState
from gpu_worker import state
from gpu_worker.state import (
    MOVES,
    IllegalMove,
    RenderError,
    StateMachine,
    Transition,
    move,
)

S = WorkerState
IN_A_JOB = [S.PROCESSING, S.LOADING_ADAPTERS, S.GENERATING, S.POST_PROCESSING]


def reachable_from(start: WorkerState) -> set[WorkerState]:
    seen, waiting = {start}, [start]
    while waiting:
        for target in MOVES[waiting.pop()] - seen:
            seen.add(target)
            waiting.append(target)
    return seen


def walk(choices: list[int]) -> tuple[StateMachine, list[Transition]]:
    """Walk the table at random for as long as it leads anywhere."""
    told: list[Transition] = []
    machine = StateMachine(told.append)
    for choice in choices:
        onward = sorted(MOVES[machine.state])
        if not onward:
            break
        machine.move(onward[choice % len(onward)])
    return machine, told


@pytest.mark.parametrize("with_adapters", [False, True])
def test_a_job_goes_all_the_way_round(*, with_adapters: bool):
    machine = StateMachine()
    adapters = [S.LOADING_ADAPTERS] if with_adapters else []
    way = [S.LOADING, S.IDLE, S.PROCESSING, *adapters, S.GENERATING, S.POST_PROCESSING, S.IDLE]
    for target in (*way, S.UNLOADING, S.STOPPED):
        machine.move(target)
    assert machine.state is S.STOPPED


@pytest.mark.parametrize("stage", IN_A_JOB)
def test_every_stage_of_a_job_may_fail_and_the_worker_goes_on(stage: WorkerState):
    assert move(move(stage, S.ERROR), S.IDLE) is S.IDLE


@pytest.mark.parametrize("stage", IN_A_JOB)
def test_a_cancelled_job_ends_where_it_stands(stage: WorkerState):
    assert move(stage, S.IDLE) is S.IDLE


def test_a_worker_that_fails_again_and_again_takes_no_jobs_until_it_has_recovered():
    machine = StateMachine()
    for target in (S.LOADING, S.IDLE, S.PROCESSING, S.ERROR, S.RECOVERING, S.UNHEALTHY):
        machine.move(target)
    assert not machine.takes_jobs
    with pytest.raises(IllegalMove):
        machine.move(S.PROCESSING)
    machine.move(S.RECOVERING)
    machine.move(S.IDLE)
    assert machine.takes_jobs


@pytest.mark.parametrize(
    ("current", "target"),
    [
        (S.IDLE, S.GENERATING),
        (S.IDLE, S.IDLE),
        (S.GENERATING, S.STOPPED),
        (S.GENERATING, S.LOADING_ADAPTERS),
        (S.INITIALISING, S.IDLE),
        (S.UNHEALTHY, S.IDLE),
        (S.STOPPED, S.IDLE),
    ],
)
def test_where_the_table_does_not_lead_is_a_bug(current: WorkerState, target: WorkerState):
    with pytest.raises(IllegalMove):
        move(current, target)


def test_every_state_has_its_row_and_can_be_reached():
    assert set(MOVES) == set(S)
    assert reachable_from(S.INITIALISING) == set(S)


@pytest.mark.parametrize("here", sorted(set(S) - {S.STOPPED}))
def test_from_everywhere_a_worker_can_be_stopped_and_come_back_to_work(here: WorkerState):
    assert {S.IDLE, S.STOPPED} <= reachable_from(here)


def test_a_job_in_hand_is_never_dropped_by_stopping():
    assert all(S.STOPPED not in MOVES[stage] for stage in IN_A_JOB)


@given(st.lists(st.integers(0, 11), max_size=60))
def test_listeners_hear_every_move_once_in_order(choices: list[int]):
    machine, told = walk(choices)
    here = S.INITIALISING
    for transition in told:
        assert transition.source is here
        assert transition.target in MOVES[here]
        here = transition.target
    assert here is machine.state


@given(st.lists(st.integers(0, 11), max_size=40), st.sampled_from(sorted(S)))
def test_an_illegal_move_moves_nothing_and_tells_nobody(choices: list[int], target: WorkerState):
    machine, told = walk(choices)
    before, heard = machine.state, len(told)
    if target in MOVES[before]:
        machine.move(target, reason="asked to")
        assert told[-1] == Transition(source=before, target=target, reason="asked to")
    else:
        with pytest.raises(IllegalMove):
            machine.move(target)
        assert (machine.state, len(told)) == (before, heard)


def test_a_listener_may_come_later():
    told: list[Transition] = []
    machine = StateMachine()
    machine.move(S.LOADING)
    machine.listen(told.append)
    machine.move(S.IDLE)
    assert [transition.target for transition in told] == [S.IDLE]


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
        "hung",
        "internal",
    }
