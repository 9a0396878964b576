"""The job: one request on its way, moved only by the transitions in one table.

Every method that moves a job returns a `Change`: the new job and the event that tells of it.
Whoever stores jobs commits both together. A move the table does not list raises
`IllegalTransition`, which is a bug; a report from an attempt that is no longer the job's raises
`StaleAttempt`, which is not.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from backend.domain.events import JobEvent, JobEventKind
from backend.domain.judgements import Judgement, PictureJudgement
from backend.domain.prompts import PromptSpec
from backend.domain.requests import GenerationRequest, JobId
from backend.domain.results import GenerationResult, ImageRef
from backend.domain.ways_out import CHECK_FAILED

LOSSES_MAX = 3


class JobState(StrEnum):
    """Where a job stands."""

    QUEUED = "queued"
    RENDERING = "rendering"
    DELIVERED = "delivered"
    BLOCKED = "blocked"
    FAILED = "failed"
    CANCELLED = "cancelled"


TRANSITIONS: dict[JobState, frozenset[JobState]] = {
    JobState.QUEUED: frozenset(
        {
            JobState.QUEUED,
            JobState.RENDERING,
            JobState.BLOCKED,
            JobState.FAILED,
            JobState.CANCELLED,
        }
    ),
    JobState.RENDERING: frozenset(
        {
            JobState.QUEUED,
            JobState.RENDERING,
            JobState.DELIVERED,
            JobState.BLOCKED,
            JobState.FAILED,
            JobState.CANCELLED,
        }
    ),
    # A moderator releases a held job back into the line.
    JobState.BLOCKED: frozenset({JobState.QUEUED}),
    JobState.DELIVERED: frozenset(),
    JobState.FAILED: frozenset(),
    JobState.CANCELLED: frozenset(),
}
TERMINAL_STATES = frozenset(
    state for state in JobState if state not in (JobState.QUEUED, JobState.RENDERING)
)


class IllegalTransition(RuntimeError):
    """A move that the transition table does not list: a bug, never a user's fault."""


class StaleAttempt(Exception):
    """A report from an attempt that has been overtaken; to be dropped."""


@dataclass(frozen=True, kw_only=True)
class Lease:
    """The promise that `worker` is on it until `until`.

    Until one has begun, `worker` is whose own queue the job was sent to, "" if it is for anyone.
    """

    worker: str
    until: datetime


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How many of how many denoising steps are done."""

    step: int
    steps: int


@dataclass(frozen=True, kw_only=True)
class Block:
    """Why a job is held, at stage `prompt` or `image`; `rule` is an id, never the matched text."""

    stage: str
    outcome: str
    category: str
    rule: str
    score: float | None = None


@dataclass(frozen=True, kw_only=True)
class Failure:
    """Why a job failed: a stable code and one sentence."""

    code: str
    message: str


@dataclass(frozen=True, kw_only=True)
class Job:
    """A request on its way. `attempt` is the fencing token: it grows with every dispatch.

    `losses` counts attempts that vanished after a worker had begun. `clearances` are the categories
    a moderator has released this job for. `predicted_s` is what it was expected to cost, in
    GPU-seconds, when it was asked for; it never changes. `judgement` tells what was found in its
    prompt, `picture_judgement` in the pictures that were drawn last; older jobs have neither.
    """

    id: JobId
    request: GenerationRequest
    spec: PromptSpec
    seed: int
    created_at: datetime
    updated_at: datetime
    state: JobState = JobState.QUEUED
    version: int = 0
    attempt: int = 0
    losses: int = 0
    lease: Lease | None = None
    progress: Progress | None = None
    result: GenerationResult | None = None
    block: Block | None = None
    failure: Failure | None = None
    clearances: tuple[str, ...] = ()
    predicted_s: float = 0.0
    judgement: Judgement | None = None
    picture_judgement: PictureJudgement | None = None

    @property
    def is_terminal(self) -> bool:
        """Whether nothing but a moderator can move this job any more."""
        return self.state in TERMINAL_STATES

    @property
    def is_waiting(self) -> bool:
        """Whether the job stands in line, not leased to anyone."""
        return self.state is JobState.QUEUED and self.lease is None

    @property
    def images(self) -> tuple[ImageRef, ...]:
        """Its pictures, none before it is delivered."""
        return self.result.images if self.result else ()

    def image(self, index: int) -> ImageRef | None:
        """Return one of its pictures, or None."""
        return next((image for image in self.images if image.index == index), None)

    @property
    def is_not_checked(self) -> bool:
        """Whether it is held only because a check did not work, not for what it found."""
        return self.block is not None and self.block.category == CHECK_FAILED

    @property
    def drawn_share(self) -> float:
        """How much of it the last attempt has drawn, 0 to 1."""
        if self.progress is None or self.progress.steps < 1:
            return 0.0
        return min(1.0, max(0.0, self.progress.step / self.progress.steps))

    def dispatch(self, *, now: datetime, until: datetime, worker: str = "") -> "Change":
        """Lease a waiting job for sending, to a tier's queue or a worker's own; a new attempt."""
        if not self.is_waiting:
            raise IllegalTransition(f"dispatch of {self.id} in {self.state}, lease {self.lease}")
        return self._move(
            JobState.QUEUED,
            JobEventKind.DISPATCHED,
            now,
            attempt=self.attempt + 1,
            lease=Lease(worker=worker, until=until),
        )

    def start(self, *, attempt: int, worker: str, now: datetime, until: datetime) -> "Change":
        """Record that a worker has begun this attempt."""
        self._must_be_current(attempt)
        if self.lease is not None and self.lease.worker not in ("", worker):
            raise StaleAttempt(f"{self.id} attempt {attempt} is held by {self.lease.worker}")
        return self._move(
            JobState.RENDERING,
            JobEventKind.STARTED,
            now,
            lease=Lease(worker=worker, until=until),
            progress=None,
        )

    def keep_sent(self, *, attempt: int, now: datetime, until: datetime) -> "Change":
        """Renew the lease of a job whose message still waits for a worker to take it."""
        self._must_be_current(attempt)
        if self.state is not JobState.QUEUED:
            raise StaleAttempt(f"{self.id} attempt {attempt} has begun")
        return self._move(
            JobState.QUEUED, JobEventKind.PROGRESS, now, lease=Lease(worker="", until=until)
        )

    def beat(
        self, *, attempt: int, worker: str, progress: Progress, now: datetime, until: datetime
    ) -> "Change":
        """Renew the lease with proof of progress."""
        self._must_be_current(attempt)
        return self._move(
            JobState.RENDERING,
            JobEventKind.PROGRESS,
            now,
            detail=f"{progress.step}/{progress.steps}",
            lease=Lease(worker=worker, until=until),
            progress=progress,
        )

    def deliver(self, *, attempt: int, result: GenerationResult, now: datetime) -> "Change":
        """Accept the pictures of the current attempt."""
        self._must_be_current(attempt)
        # The report that a worker began may be lost with the broker; pictures are proof enough.
        begun = (
            self if self.state is JobState.RENDERING else replace(self, state=JobState.RENDERING)
        )
        return begun._move(  # noqa: SLF001 - its own kind
            JobState.DELIVERED, JobEventKind.DELIVERED, now, lease=None, result=result
        )

    def hold(self, *, block: Block, now: datetime, attempt: int | None = None) -> "Change":
        """Hold the job back: by the prompt check (no attempt yet) or by the picture check."""
        if attempt is not None:
            self._must_be_current(attempt)
        return self._move(
            JobState.BLOCKED,
            JobEventKind.BLOCKED,
            now,
            detail=block.category,
            lease=None,
            block=block,
        )

    def fail(self, *, failure: Failure, now: datetime, attempt: int | None = None) -> "Change":
        """End the job with a failure."""
        if attempt is not None:
            self._must_be_current(attempt)
        return self._move(
            JobState.FAILED,
            JobEventKind.FAILED,
            now,
            detail=failure.code,
            lease=None,
            failure=failure,
        )

    def cancel(self, *, now: datetime) -> "Change":
        """End the job at its owner's wish; a worker drawing it finds out at its next step."""
        return self._move(JobState.CANCELLED, JobEventKind.CANCELLED, now, lease=None)

    def return_to_line(self, *, now: datetime, reason: str, attempt: int | None = None) -> "Change":
        """Take back a lease; after `LOSSES_MAX` begun attempts the job fails instead."""
        if attempt is not None:
            self._must_be_current(attempt)
        # The table alone would let a held job slip back into the line past its moderator.
        if self.lease is None:
            raise IllegalTransition(f"return of {self.id} in {self.state}, which has no lease")
        losses = self.losses + (1 if self.state is JobState.RENDERING else 0)
        if losses >= LOSSES_MAX:
            failure = Failure(
                code="worker_lost",
                message=f"{losses} attempts were lost while drawing this; it is not tried again.",
            )
            return replace(self, losses=losses).fail(failure=failure, now=now)
        return self._move(
            JobState.QUEUED,
            JobEventKind.RETURNED,
            now,
            detail=reason,
            lease=None,
            progress=None,
            losses=losses,
        )

    def release(self, *, category: str, now: datetime) -> "Change":
        """Put a held job back in line, cleared by a moderator for `category`."""
        if self.state is not JobState.BLOCKED:
            raise IllegalTransition(f"release of {self.id} in {self.state}")
        return self._move(
            JobState.QUEUED,
            JobEventKind.RELEASED,
            now,
            detail=category,
            block=None,
            progress=None,
            clearances=(*self.clearances, category),
        )

    def _must_be_current(self, attempt: int) -> None:
        if self.is_terminal or attempt != self.attempt or self.lease is None:
            raise StaleAttempt(
                f"{self.id}: attempt {attempt}, job is {self.state} at {self.attempt}"
            )

    def _move(
        self, to: JobState, kind: JobEventKind, now: datetime, *, detail: str = "", **fields: object
    ) -> "Change":
        if to not in TRANSITIONS[self.state]:
            raise IllegalTransition(f"{self.id}: {self.state} to {to}")
        job = replace(
            self,
            state=to,
            version=self.version + 1,
            updated_at=now,
            **fields,  # type: ignore[arg-type]  # field names are checked by dataclasses.replace
        )
        event = JobEvent(job_id=job.id, kind=kind, attempt=job.attempt, at=now, detail=detail)
        return Change(job=job, event=event)


@dataclass(frozen=True, kw_only=True)
class Change:
    """A moved job and the event that tells of it; stored together or not at all."""

    job: Job
    event: JobEvent
