"""How long each fault held work up, told from what was committed afterwards; pure.

The recovery time of a fault runs from its injection until the first of the jobs that were in the
hit process' hands makes committed progress again:

- A worker's hands hold the jobs it has claimed. A dispatcher's hold every leased job, and the
  broker's hold the jobs that were sent and not yet claimed, as their messages lie there.
- Progress is the job's end, a STARTED of a later attempt or, unless the process was killed with
  the job, a later step or a STARTED of the same attempt. Being returned to the line or sent again
  is none yet: somebody has to draw.
- With empty hands, any job's progress counts. Where no job was unfinished at all there was nothing
  to hold up, and nothing is measured.
- A gateway holds its callers: it has recovered when a request that began after the fault is
  answered. A bot has when the Discord it talks to counts it as connected again.

The settling time runs until all of the jobs in hand have moved again.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

from backend.cli.drill.plan import FaultKind
from backend.domain.events import JobEvent, JobEventKind
from backend.domain.jobs import Job, JobState
from backend.domain.requests import JobId

ENDS: Final = frozenset(
    {
        JobEventKind.DELIVERED,
        JobEventKind.BLOCKED,
        JobEventKind.FAILED,
        JobEventKind.CANCELLED,
    }
)


@dataclass(frozen=True, kw_only=True)
class Hand:
    """A job as it stood in the hit process' hands."""

    job_id: JobId
    attempt: int
    step: int


@dataclass(kw_only=True)
class Blow:
    """A fault that was injected.

    `same_attempt_from`: from when on progress of the attempt in hand counts; None, if the fault
    ended that attempt.
    """

    kind: FaultKind
    process: str
    at: datetime
    hands: tuple[Hand, ...] = ()
    same_attempt_from: datetime | None = None
    had_work: bool = True
    recovered_at: datetime | None = None
    settled_at: datetime | None = None
    moved: dict[JobId, datetime] = field(default_factory=dict)

    @property
    def is_open(self) -> bool:
        """Whether something is still to be waited for."""
        return self.had_work and (self.recovered_at is None or self.settled_at is None)

    @property
    def recovery_s(self) -> float | None:
        """Seconds until work went on."""
        return None if self.recovered_at is None else (self.recovered_at - self.at).total_seconds()

    @property
    def settling_s(self) -> float | None:
        """Seconds until all work in hand went on."""
        return None if self.settled_at is None else (self.settled_at - self.at).total_seconds()

    def move(self, job_id: JobId, at: datetime) -> None:
        """Record that a job in hand goes on."""
        self.moved[job_id] = at
        self.recovered_at = min(self.moved.values())
        if len(self.moved) == len(self.hands):
            self.settled_at = max(self.moved.values())

    def recover(self, at: datetime) -> None:
        """Record that what was held up goes on, all of it."""
        self.recovered_at = self.recovered_at or at
        self.settled_at = self.settled_at or at


def hands_of(jobs: Iterable[Job]) -> tuple[Hand, ...]:
    """Return jobs as they stand in somebody's hands."""
    return tuple(
        Hand(job_id=job.id, attempt=job.attempt, step=job.progress.step if job.progress else 0)
        for job in jobs
    )


def observe(blows: Iterable[Blow], events: Sequence[JobEvent], leased: Sequence[Job]) -> None:
    """Note what new events and the leased jobs, as they stand now, say of the open blows."""
    for blow in blows:
        if blow.is_open and blow.kind not in (FaultKind.KILL_GATEWAY, FaultKind.KILL_BOT):
            _observe_one(blow, events, leased)


def settle_ended(blows: Iterable[Blow], jobs: Iterable[Job]) -> None:
    """Close the open blows whose jobs in hand have ended, by the table's word.

    The event of an end may have been read while the blow was struck, and is not told again.
    """
    ended = {job.id: job.updated_at for job in jobs if job.is_terminal}
    for blow in blows:
        hands = {hand.job_id for hand in blow.hands}
        if blow.is_open and hands and hands <= blow.moved.keys() | ended.keys():
            for job_id in hands - blow.moved.keys():
                blow.move(job_id, max(blow.at, ended[job_id]))


def _observe_one(blow: Blow, events: Sequence[JobEvent], leased: Sequence[Job]) -> None:
    if not blow.hands:
        at = _first_of_any(blow, events, leased)
        if at is not None:
            blow.recover(at)
        return
    for hand in blow.hands:
        at = _first_of(hand, blow, events, leased)
        if at is not None and hand.job_id not in blow.moved:
            blow.move(hand.job_id, at)


def _first_of(
    hand: Hand, blow: Blow, events: Sequence[JobEvent], leased: Sequence[Job]
) -> datetime | None:
    """Return when a job in hand moved first, as far as these say."""
    moves = [
        event.at
        for event in events
        if event.job_id == hand.job_id and event.at > blow.at and _is_progress(event, hand, blow)
    ]
    moves += [
        job.updated_at
        for job in leased
        if job.id == hand.job_id and _has_stepped(job, hand, blow.same_attempt_from)
    ]
    return min(moves, default=None)


def _is_progress(event: JobEvent, hand: Hand, blow: Blow) -> bool:
    if event.kind in ENDS:
        return True
    if event.kind is not JobEventKind.STARTED:
        return False
    since = blow.same_attempt_from
    return event.attempt > hand.attempt or (since is not None and event.at > since)


def _has_stepped(job: Job, hand: Hand, since: datetime | None) -> bool:
    step = job.progress.step if job.progress else 0
    return (
        since is not None
        and job.attempt == hand.attempt
        and job.updated_at > since
        and step > hand.step
    )


def _first_of_any(blow: Blow, events: Sequence[JobEvent], leased: Sequence[Job]) -> datetime | None:
    moves = [
        event.at
        for event in events
        if event.at > blow.at and (event.kind in ENDS or event.kind is JobEventKind.STARTED)
    ]
    moves += [
        job.updated_at
        for job in leased
        if job.state is JobState.RENDERING and job.progress and job.updated_at > blow.at
    ]
    return min(moves, default=None)
