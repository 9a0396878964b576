"""Whatever is tried with a job in whatever order, the promises of the table hold."""

from collections.abc import Callable

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from backend.domain.events import JobEventKind
from backend.domain.jobs import (
    LOSSES_MAX,
    TERMINAL_STATES,
    TRANSITIONS,
    Block,
    Change,
    Failure,
    IllegalTransition,
    JobState,
    Progress,
    StaleAttempt,
)
from tests.builders import a_job, a_result, at

ATTEMPTS = st.integers(min_value=-1, max_value=6)
WORKERS = st.sampled_from(["w1", "w2"])
CATEGORIES = st.sampled_from(["nsfw", "gore"])
RESULT = a_result(1)
FAILURE = Failure(code="out_of_memory", message="Too large.")


class JobMachine(RuleBasedStateMachine):
    """One job, and everybody who may do something to it at any time, in and out of order."""

    def __init__(self) -> None:
        super().__init__()
        self.job = a_job()
        self.seconds = 0.0

    def now(self):
        self.seconds += 1
        return at(self.seconds)

    def until(self):
        return at(self.seconds + 60)

    def attempt(self, offset: int) -> int:
        """Mostly the job's own attempt, now and then another."""
        return self.job.attempt if offset > 0 else self.job.attempt + offset - 1

    def try_move(self, move: Callable[[], Change]) -> Change | None:
        before = self.job
        try:
            change = move()
        except (IllegalTransition, StaleAttempt):
            assert self.job == before
            return None
        after = change.job
        # A job whose beginning was never reported is drawn and delivered in one move.
        was_drawn = before.lease is not None and after.state is JobState.DELIVERED
        assert after.state in TRANSITIONS[before.state] or was_drawn
        assert after.version == before.version + 1
        assert after.attempt - before.attempt in (0, 1)
        assert after.updated_at > before.updated_at
        assert (after.id, after.request, after.spec, after.seed, after.created_at) == (
            (before.id, before.request, before.spec, before.seed, before.created_at)
        )
        assert (change.event.job_id, change.event.attempt) == (after.id, after.attempt)
        if before.state in TERMINAL_STATES:
            assert change.event.kind is JobEventKind.RELEASED
            assert before.state is JobState.BLOCKED
        self.job = after
        return change

    @rule()
    def dispatch(self):
        was_waiting, attempt = self.job.is_waiting, self.job.attempt
        change = self.try_move(lambda: self.job.dispatch(now=self.now(), until=self.until()))
        assert (change is not None) == was_waiting
        assert self.job.attempt == attempt + was_waiting

    @rule(offset=ATTEMPTS, worker=WORKERS)
    def start(self, offset, worker):
        attempt, holder = self.attempt(offset), self.job.lease and self.job.lease.worker
        change = self.try_move(
            lambda: self.job.start(
                attempt=attempt, worker=worker, now=self.now(), until=self.until()
            )
        )
        if change is not None:
            assert attempt == self.job.attempt
            assert holder in ("", worker)

    @rule(offset=ATTEMPTS, worker=WORKERS, step=st.integers(1, 20))
    def beat(self, offset, worker, step):
        attempt = self.attempt(offset)
        progress = Progress(step=step, steps=20)
        self.report(
            attempt,
            lambda: self.job.beat(
                attempt=attempt,
                worker=worker,
                progress=progress,
                now=self.now(),
                until=self.until(),
            ),
        )

    @rule(offset=ATTEMPTS)
    def deliver(self, offset):
        attempt = self.attempt(offset)
        self.report(
            attempt, lambda: self.job.deliver(attempt=attempt, result=RESULT, now=self.now())
        )

    @rule(offset=ATTEMPTS, category=CATEGORIES)
    def hold(self, offset, category):
        attempt = self.attempt(offset)
        block = Block(stage="image", outcome="review", category=category, rule="r")
        self.report(attempt, lambda: self.job.hold(attempt=attempt, block=block, now=self.now()))

    @rule(offset=ATTEMPTS)
    def fail(self, offset):
        attempt = self.attempt(offset)
        self.report(
            attempt, lambda: self.job.fail(attempt=attempt, failure=FAILURE, now=self.now())
        )

    def report(self, attempt: int, move: Callable[[], Change]) -> None:
        """A report counts exactly when it comes from the attempt that holds the lease."""
        is_current = self.job.lease is not None and attempt == self.job.attempt
        assert (self.try_move(move) is not None) == is_current

    @rule(offset=ATTEMPTS)
    def keep_sent(self, offset):
        attempt, state = self.attempt(offset), self.job.state
        change = self.try_move(
            lambda: self.job.keep_sent(attempt=attempt, now=self.now(), until=self.until())
        )
        if change is not None:
            assert (self.job.state, self.job.attempt) == (JobState.QUEUED, attempt)
            assert state is JobState.QUEUED

    @rule(offset=ATTEMPTS)
    def return_of_an_attempt(self, offset):
        attempt = self.attempt(offset)
        self.report(
            attempt,
            lambda: self.job.return_to_line(now=self.now(), reason="lost", attempt=attempt),
        )

    @rule()
    def cancel(self):
        was_terminal = self.job.is_terminal
        change = self.try_move(lambda: self.job.cancel(now=self.now()))
        assert (change is None) == was_terminal

    @rule()
    def return_to_line(self):
        had_lease = self.job.lease is not None
        change = self.try_move(
            lambda: self.job.return_to_line(now=self.now(), reason="lease_expired")
        )
        assert (change is not None) == had_lease

    @rule(category=CATEGORIES)
    def release(self, category):
        was_blocked, clearances = self.job.state is JobState.BLOCKED, self.job.clearances
        change = self.try_move(lambda: self.job.release(category=category, now=self.now()))
        assert (change is not None) == was_blocked
        if was_blocked:
            assert self.job.is_waiting
            assert self.job.clearances == (*clearances, category)

    @invariant()
    def only_who_is_at_work_holds_a_lease(self):
        if self.job.is_terminal:
            assert self.job.lease is None
        if self.job.state is JobState.RENDERING:
            assert self.job.lease is not None
            assert self.job.lease.worker

    @invariant()
    def each_end_has_its_reason(self):
        job = self.job
        assert (job.result is not None) == (job.state is JobState.DELIVERED)
        assert (job.block is not None) == (job.state is JobState.BLOCKED)
        assert (job.failure is not None) == (job.state is JobState.FAILED)

    @invariant()
    def losses_have_an_end(self):
        assert self.job.losses <= min(LOSSES_MAX, self.job.attempt)


TestJobMachine = JobMachine.TestCase
TestJobMachine.settings = settings(
    max_examples=60, stateful_step_count=30, deadline=None, derandomize=True, database=None
)
