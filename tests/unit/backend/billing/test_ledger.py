"""What each move of a job books."""

from dataclasses import replace

import pytest

from backend.billing.ledger import Balance, Entry, EntryKind, charged_ms, entries_of
from backend.domain.jobs import Block, Change, Failure, Job, Progress
from backend.domain.results import GenerationResult, Timings
from tests.builders import a_birth, a_job, at

BLOCK = Block(stage="image", outcome="review", category="nsfw", rule="r")
RESULT = GenerationResult(
    images=(), timings=Timings(encode_s=0.25, denoise_s=2, decode_s=0.5, release_s=9, total_s=99)
)
HOLD, REFUND, SETTLE = EntryKind.HOLD, EntryKind.REFUND, EntryKind.SETTLE


def booked(change: Change) -> list[tuple[EntryKind, int, int]]:
    return [(entry.kind, entry.stay, entry.gpu_ms) for entry in entries_of(change)]


def begun(steps_done: int | None = None, **fields: object) -> Job:
    job = a_job(predicted_s=3.0, **fields).dispatch(now=at(1), until=at(60)).job
    job = job.start(attempt=job.attempt, worker="w", now=at(2), until=at(60)).job
    if steps_done is None:
        return job
    progress = Progress(step=steps_done, steps=30)
    beat = job.beat(attempt=job.attempt, worker="w", progress=progress, now=at(3), until=at(60))
    assert entries_of(beat) == ()
    return beat.job


def test_a_job_in_line_holds_what_it_will_probably_cost() -> None:
    assert booked(a_birth(a_job(predicted_s=3.0))) == [(HOLD, 0, 3000)]


def test_being_sent_begun_and_returned_books_nothing() -> None:
    dispatched = a_job(predicted_s=3.0).dispatch(now=at(1), until=at(60))
    started = dispatched.job.start(attempt=1, worker="w", now=at(2), until=at(60))
    returned = started.job.return_to_line(now=at(3), reason="lost")
    assert [entries_of(change) for change in (dispatched, started, returned)] == [(), (), ()]


def test_a_delivery_returns_the_hold_and_settles_what_was_measured() -> None:
    change = begun().deliver(attempt=1, result=RESULT, now=at(9))
    assert booked(change) == [(REFUND, 0, -3000), (SETTLE, 0, 2750)]
    assert charged_ms(change.job) == 2750


def test_what_fails_or_is_held_back_costs_nothing() -> None:
    failure = Failure(code="out_of_memory", message="Too large.")
    failed = begun(20).fail(attempt=1, failure=failure, now=at(9))
    held = begun(20).hold(attempt=1, block=BLOCK, now=at(9))
    assert booked(failed) == booked(held) == [(REFUND, 0, -3000)]
    assert charged_ms(failed.job) == charged_ms(held.job) == 0


def test_the_last_lost_attempt_returns_the_hold() -> None:
    lost = replace(begun(20), losses=2).return_to_line(now=at(9), reason="lost")
    assert booked(lost) == [(REFUND, 0, -3000)]


def test_cancelling_what_nobody_has_begun_costs_nothing() -> None:
    assert booked(a_job(predicted_s=3.0).cancel(now=at(9))) == [(REFUND, 0, -3000)]


def test_cancelling_a_drawing_costs_the_share_that_was_drawn() -> None:
    change = begun(12).cancel(now=at(9))
    assert booked(change) == [(REFUND, 0, -3000), (SETTLE, 0, 1200)]


def test_an_attempt_that_was_lost_before_the_cancelling_costs_nothing() -> None:
    returned = begun(12).return_to_line(now=at(4), reason="lost").job
    assert booked(returned.cancel(now=at(9))) == [(REFUND, 0, -3000)]


def test_a_job_held_at_birth_books_nothing_until_a_moderator_releases_it() -> None:
    birth = a_birth(begun().hold(attempt=1, block=BLOCK, now=at(9)).job)
    birth = Change(job=replace(birth.job, version=0), event=birth.event)
    assert entries_of(birth) == ()
    released = birth.job.release(category="nsfw", now=at(10))
    assert booked(released) == [(HOLD, 1, 3000)]
    assert booked(released.job.cancel(now=at(11))) == [(REFUND, 1, -3000)]


def test_what_was_drawn_before_a_hold_is_not_charged_after_the_release() -> None:
    held = begun(20).hold(attempt=1, block=BLOCK, now=at(9)).job
    released = held.release(category="nsfw", now=at(10)).job
    assert booked(released.cancel(now=at(11))) == [(REFUND, 1, -3000)]


def test_a_job_older_than_the_books_has_no_hold_and_is_settled_all_the_same() -> None:
    old = replace(begun(12), predicted_s=0.0)
    assert booked(old.deliver(attempt=1, result=RESULT, now=at(9))) == [(SETTLE, 0, 2750)]
    assert entries_of(old.cancel(now=at(9))) == ()


def test_a_delivery_is_settled_even_if_nothing_was_measured() -> None:
    change = begun().deliver(attempt=1, result=GenerationResult(images=()), now=at(9))
    assert booked(change)[1] == (SETTLE, 0, 0)


@pytest.mark.parametrize(
    ("sums", "balance"),
    [
        ({}, Balance()),
        ({HOLD: 3000, REFUND: -1000, SETTLE: 250}, Balance(charged_s=0.25, held_s=2.0)),
    ],
)
def test_a_balance_is_what_was_charged_and_what_is_held(
    sums: dict[EntryKind, int], balance: Balance
) -> None:
    assert Balance.of(sums) == balance


def test_an_entry_says_what_it_is() -> None:
    assert entries_of(a_birth(a_job(predicted_s=0.0004))) == ()
    assert entries_of(a_birth(a_job(predicted_s=0.001))) == (Entry(kind=HOLD, stay=0, gpu_ms=1),)
