"""The transition table, move by move."""

import pytest

from backend.domain.events import JobEventKind
from backend.domain.jobs import (
    LOSSES_MAX,
    TERMINAL_STATES,
    TRANSITIONS,
    Block,
    Failure,
    IllegalTransition,
    Job,
    JobState,
    Lease,
    Progress,
    StaleAttempt,
)
from tests.builders import a_job, a_result, at

BLOCK = Block(stage="image", outcome="review", category="nsfw", rule="nsfw-1")
FAILURE = Failure(code="out_of_memory", message="Too large.")


def dispatched() -> Job:
    return a_job().dispatch(now=at(1), until=at(60)).job


def rendering() -> Job:
    return dispatched().start(attempt=1, worker="w1", now=at(2), until=at(62)).job


def ended(state: JobState) -> Job:
    match state:
        case JobState.DELIVERED:
            return rendering().deliver(attempt=1, result=a_result(), now=at(9)).job
        case JobState.BLOCKED:
            return rendering().hold(attempt=1, block=BLOCK, now=at(9)).job
        case JobState.FAILED:
            return rendering().fail(attempt=1, failure=FAILURE, now=at(9)).job
        case JobState.CANCELLED:
            return rendering().cancel(now=at(9)).job
        case _:
            raise ValueError(state)


def test_every_state_has_its_row_in_the_table():
    assert set(TRANSITIONS) == set(JobState)


def test_only_a_held_job_leaves_its_end_and_only_into_the_line():
    ways_out = {state: set(TRANSITIONS[state]) for state in TERMINAL_STATES if TRANSITIONS[state]}
    assert ways_out == {JobState.BLOCKED: {JobState.QUEUED}}


def test_a_dispatch_begins_an_attempt_with_a_lease_that_nobody_holds_yet():
    change = a_job().dispatch(now=at(1), until=at(60))
    assert (change.job.state, change.job.attempt) == (JobState.QUEUED, 1)
    assert change.job.lease == Lease(worker="", until=at(60))
    assert (change.event.kind, change.event.attempt) == (JobEventKind.DISPATCHED, 1)
    assert not change.job.is_waiting


def test_a_dispatched_job_is_not_dispatched_again():
    with pytest.raises(IllegalTransition):
        dispatched().dispatch(now=at(2), until=at(60))


def test_a_worker_may_report_its_beginning_twice():
    job = rendering()
    again = job.start(attempt=1, worker="w1", now=at(3), until=at(63)).job
    assert again.lease == Lease(worker="w1", until=at(63))


def test_a_second_worker_cannot_begin_the_same_attempt():
    with pytest.raises(StaleAttempt):
        rendering().start(attempt=1, worker="w2", now=at(3), until=at(63))


def test_a_beat_renews_the_lease_and_tells_the_step():
    progress = Progress(step=3, steps=20)
    change = rendering().beat(attempt=1, worker="w1", progress=progress, now=at(9), until=at(69))
    assert change.job.progress == progress
    assert change.job.lease == Lease(worker="w1", until=at(69))
    assert (change.event.kind, change.event.detail) == (JobEventKind.PROGRESS, "3/20")


def test_pictures_are_taken_even_when_the_beginning_was_never_reported():
    job = dispatched().deliver(attempt=1, result=a_result(), now=at(9)).job
    assert (job.state, job.result, job.lease) == (JobState.DELIVERED, a_result(), None)


def test_a_returned_job_gives_up_its_lease_and_keeps_its_attempt_as_a_fence():
    job = rendering().return_to_line(now=at(70), reason="lease_expired").job
    assert job.is_waiting
    assert (job.attempt, job.losses, job.progress) == (1, 1, None)


def test_a_job_that_no_worker_had_begun_is_returned_without_a_loss():
    assert dispatched().return_to_line(now=at(70), reason="lease_expired").job.losses == 0


def test_a_job_that_loses_too_many_workers_fails():
    job = a_job()
    for attempt in range(1, LOSSES_MAX + 1):
        job = job.dispatch(now=at(1), until=at(60)).job
        job = job.start(attempt=attempt, worker="w1", now=at(2), until=at(62)).job
        change = job.return_to_line(now=at(70), reason="lease_expired")
        job = change.job
    assert (job.state, job.losses) == (JobState.FAILED, LOSSES_MAX)
    assert job.failure is not None
    assert job.failure.code == "worker_lost"
    assert change.event.kind is JobEventKind.FAILED


def test_a_prompt_may_be_held_before_any_attempt():
    change = a_job().hold(block=BLOCK, now=at(1))
    assert (change.job.state, change.job.block) == (JobState.BLOCKED, BLOCK)
    assert change.event.detail == "nsfw"


def test_a_released_job_is_cleared_and_waits_again():
    job = ended(JobState.BLOCKED).release(category="nsfw", now=at(10)).job
    assert job.is_waiting
    assert (job.clearances, job.block) == (("nsfw",), None)
    again = job.hold(block=BLOCK, now=at(11)).job.release(category="gore", now=at(12)).job
    assert again.clearances == ("nsfw", "gore")


@pytest.mark.parametrize("state", sorted(TERMINAL_STATES))
def test_no_report_reaches_a_job_that_has_ended(state: JobState):
    job = ended(state)
    with pytest.raises(StaleAttempt):
        job.deliver(attempt=1, result=a_result(), now=at(10))
    with pytest.raises(StaleAttempt):
        job.hold(attempt=1, block=BLOCK, now=at(10))
    with pytest.raises(StaleAttempt):
        job.fail(attempt=1, failure=FAILURE, now=at(10))
    with pytest.raises(StaleAttempt):
        job.start(attempt=1, worker="w1", now=at(10), until=at(70))


@pytest.mark.parametrize("state", sorted(TERMINAL_STATES))
def test_a_job_that_has_ended_cannot_be_cancelled_or_returned(state: JobState):
    job = ended(state)
    with pytest.raises(IllegalTransition):
        job.cancel(now=at(10))
    with pytest.raises(IllegalTransition):
        job.dispatch(now=at(10), until=at(70))


@pytest.mark.parametrize("state", sorted(TERMINAL_STATES - {JobState.BLOCKED}))
def test_only_a_held_job_can_be_released(state: JobState):
    with pytest.raises(IllegalTransition):
        ended(state).release(category="nsfw", now=at(10))


def test_a_waiting_or_drawn_job_cannot_be_released():
    for job in (a_job(), dispatched(), rendering()):
        with pytest.raises(IllegalTransition):
            job.release(category="nsfw", now=at(10))


def test_a_job_that_has_ended_is_never_returned_to_the_line():
    for state in TERMINAL_STATES:
        with pytest.raises(IllegalTransition):
            ended(state).return_to_line(now=at(10), reason="lease_expired")


def test_a_waiting_job_is_never_returned_to_the_line():
    with pytest.raises(IllegalTransition):
        a_job().return_to_line(now=at(10), reason="lease_expired")
