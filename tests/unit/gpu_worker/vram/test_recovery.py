"""Running out of memory ends in a result or in a typed failure, and leaves nothing behind."""

import weakref

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from gpu_worker.state import OutOfMemory
from gpu_worker.vram.quarantine import MOST_FAILURES, REST_S, WINDOW_S, Quarantine
from gpu_worker.vram.recovery import (
    Portion,
    Recovery,
    Stage,
    smaller_portion,
)


class Shortage:
    """Strikes the first so many attempts at one stage."""

    def __init__(self, stage: Stage, times: int) -> None:
        self._stage = stage
        self.left = times

    def __call__(self, stage: Stage) -> None:
        if stage is self._stage and self.left:
            self.left -= 1
            raise torch.OutOfMemoryError


@pytest.mark.parametrize("stage", Stage)
def test_a_stage_that_runs_out_once_is_done_after_freeing(stage: Stage):
    happened: list[str] = []
    recovery = Recovery(free=lambda: happened.append("free"), strike=Shortage(stage, 1))
    assert recovery.run(stage, lambda portion: happened.append(portion) or "done", rows=4) == "done"
    assert happened == ["free", smaller_portion(stage, rows=4)]


@pytest.mark.parametrize("stage", Stage)
def test_a_stage_that_runs_out_again_is_a_typed_failure_and_the_next_one_is_not(stage: Stage):
    freed: list[int] = []
    recovery = Recovery(free=lambda: freed.append(1), strike=Shortage(stage, 2))
    with pytest.raises(OutOfMemory, match="did not fit into memory"):
        recovery.run(stage, lambda _portion: "done")
    assert len(freed) == 2
    assert recovery.run(stage, lambda _portion: "done") == "done"


def test_what_the_failed_attempt_held_is_gone_when_memory_is_freed():
    held: list[weakref.ref[torch.Tensor]] = []
    alive_at_freeing: list[bool] = []

    def work(portion: Portion) -> str:
        if portion is Portion.WHOLE:
            large = torch.zeros(1000)
            held.append(weakref.ref(large))
            raise torch.OutOfMemoryError
        return "done"

    recovery = Recovery(free=lambda: alive_at_freeing.append(held[0]() is not None))
    assert recovery.run(Stage.DECODE, work) == "done"
    assert alive_at_freeing == [False]


def test_a_refusal_of_the_books_is_a_shortage_too():
    def work(portion: Portion) -> str:
        if portion is Portion.WHOLE:
            raise OutOfMemory("8 rows need too much.")
        return "done"

    assert Recovery(free=lambda: None).run(Stage.DENOISE, work, rows=8) == "done"


def test_another_failure_is_not_tried_again():
    tried: list[Portion] = []

    def work(portion: Portion) -> None:
        tried.append(portion)
        raise ValueError("nonsense")

    with pytest.raises(ValueError, match="nonsense"):
        Recovery(free=lambda: None).run(Stage.DENOISE, work)
    assert tried == [Portion.WHOLE]


def test_one_row_cannot_be_halved():
    assert smaller_portion(Stage.DENOISE, rows=1) is Portion.WHOLE
    assert smaller_portion(Stage.DENOISE, rows=2) is Portion.HALVES


def test_a_worker_rests_after_repeated_failures_and_then_tries_itself_again():
    quarantine = Quarantine()
    for now_s in range(MOST_FAILURES):
        assert not quarantine.is_due
        quarantine = quarantine.failed(float(now_s))
    last_s = MOST_FAILURES - 1.0
    assert quarantine.is_due
    assert not quarantine.may_try_again(last_s + REST_S - 1)
    assert quarantine.may_try_again(last_s + REST_S)
    assert not quarantine.succeeded().is_due
    # One more failure on probation, and it rests again.
    assert not quarantine.failed(last_s + REST_S).may_try_again(last_s + REST_S + 1)


@given(st.lists(st.tuples(st.floats(0.1, 2000), st.booleans()), max_size=30))
def test_it_is_due_exactly_after_so_many_failures_in_a_row_within_the_window(
    steps: list[tuple[float, bool]],
):
    quarantine, now_s, in_a_row = Quarantine(), 0.0, list[float]()
    for passed_s, is_failure in steps:
        now_s += passed_s
        in_a_row = [*in_a_row, now_s] if is_failure else []
        quarantine = quarantine.failed(now_s) if is_failure else quarantine.succeeded()
        recent = in_a_row[-MOST_FAILURES:]
        expected = len(recent) == MOST_FAILURES and now_s - recent[0] < WINDOW_S
        assert quarantine.is_due == expected
