"""What workers report, applied to the truth once per job and attempt, however often it arrives."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import assert_never

import structlog

from backend.contracts import (
    PicturesJudged,
    RenderBlocked,
    RenderCancelled,
    RenderedImage,
    RenderFailed,
    RenderFinished,
    RenderPreview,
    RenderProgress,
    RenderReport,
    RenderStarted,
)
from backend.domain.child_safety import SafetyReport
from backend.domain.events import JobEvent, JobEventKind
from backend.domain.jobs import (
    LOSSES_MAX,
    Block,
    Change,
    Failure,
    IllegalTransition,
    Job,
    JobState,
    Progress,
    StaleAttempt,
)
from backend.domain.judgements import Found, PictureJudgement
from backend.domain.requests import AccountId, JobId
from backend.domain.results import GenerationResult, ImageRef, Timings
from backend.domain.ways_out import CHILD_SAFETY
from backend.service.child_safety import ChildSafety
from backend.service.ports import CancelFlags, Clock, EventBus, JobStore, OutboxPublisher

BEATS_MAX = 1000

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class _Beat:
    """The last progress of a job that was accepted, and when one was last written."""

    attempt: int
    progress: Progress
    at: datetime
    written_at: datetime


class Reports:
    """Applies reports. `apply` raises only what the stores raise when they do not answer.

    A lease lasts `start_lease_s` until the second step and after the last one (loading, decoding,
    checking and storing go without steps), and in between `progress_lease_s` or five of the job's
    own steps, but no longer than at the start. A worker that needs longer for anything holds on to
    the job by reporting the same step again and again.
    """

    def __init__(
        self,
        *,
        jobs: JobStore,
        events: EventBus,
        outbox: OutboxPublisher,
        clock: Clock,
        child_safety: ChildSafety | None = None,
        cancel_flags: CancelFlags | None = None,
        start_lease_s: float = 60.0,
        progress_lease_s: float = 20.0,
        write_every_s: float = 1.0,
    ) -> None:
        self._jobs = jobs
        self._events = events
        self._outbox = outbox
        self._clock = clock
        self._child_safety = child_safety
        self._cancel_flags = cancel_flags
        self._start_lease = timedelta(seconds=start_lease_s)
        self._progress_lease = timedelta(seconds=progress_lease_s)
        self._write_every = timedelta(seconds=write_every_s)
        self._beats: dict[JobId, _Beat] = {}

    async def apply(self, report: RenderReport) -> None:
        """Apply one report; what is stale, unknown or already applied changes nothing."""
        if isinstance(report, RenderProgress):
            await self._progress(report)
            return
        if isinstance(report, RenderPreview):
            await self._preview(report)
            return
        if await self._change(report, lambda job: self._move(job, report)) is not None:
            await self._outbox.publish_pending()
        if isinstance(report, RenderBlocked) and report.category == CHILD_SAFETY:
            await self._open_child_safety(report)
        if not isinstance(report, RenderStarted):
            self._beats.pop(JobId(report.job_id), None)

    async def _open_child_safety(self, report: RenderBlocked) -> None:
        """Have what was found on file, whatever has become of the job, and however often told."""
        job = await self._jobs.get(JobId(report.job_id))
        if job is not None and self._child_safety is not None:
            owner = job.request.requester.account_id
            await self._child_safety.open(_safety_report(report, owner, self._clock()))

    def _move(
        self,
        job: Job,
        report: RenderStarted | RenderFinished | RenderBlocked | RenderFailed | RenderCancelled,
    ) -> Change:
        now = self._clock()
        match report:
            case RenderStarted(attempt=attempt, worker=worker):
                _must_not_have_begun(job, attempt)
                until = now + self._start_lease
                return job.start(attempt=attempt, worker=worker, now=now, until=until)
            case RenderFinished(attempt=attempt):
                change = job.deliver(attempt=attempt, result=_result(report), now=now)
                return _with_findings(change, report.judged)
            case RenderBlocked(attempt=attempt):
                change = job.hold(block=_block(report), now=now, attempt=attempt)
                return _with_findings(change, report.judged)
            case RenderFailed():
                return _fail_or_return(job, report, now)
            case RenderCancelled(attempt=attempt):
                _must_be_current(job, attempt)
                return job.cancel(now=now)
            case _:
                assert_never(report)

    async def _progress(self, report: RenderProgress) -> None:
        """Publish each step; write one a second, which is also what renews the lease."""
        job_id = JobId(report.job_id)
        now = self._clock()
        progress = Progress(step=report.step, steps=report.steps)
        last = self._beats.get(job_id)
        if last is not None and last.attempt != report.attempt:
            last = None
        is_again = last is not None and last.progress == progress
        is_due = last is None or now - last.written_at >= self._write_every
        is_last_step = progress.step >= progress.steps
        written_at = now if last is None else last.written_at
        if is_due or (is_last_step and not is_again):
            until = now + self._lease_for(progress, now, last)
            if await self._change(report, lambda job: _beat(job, report, now, until)) is None:
                self._beats.pop(job_id, None)
                await self._stop_if_cancelled(job_id)
                return
            written_at = now
        self._remember(
            job_id,
            _Beat(attempt=report.attempt, progress=progress, at=now, written_at=written_at),
        )
        if not is_again:
            await self._tell(job_id, report.attempt, progress, now)

    async def _stop_if_cancelled(self, job_id: JobId) -> None:
        """Ask whoever still draws a cancelled job to stop, in case nobody lived to ask before."""
        job = await self._jobs.get(job_id)
        if job is not None and job.state is JobState.CANCELLED and self._cancel_flags is not None:
            await self._cancel_flags.raise_flag(job_id)

    async def _preview(self, report: RenderPreview) -> None:
        """Tell that there is something to look at, if that is still wanted."""
        job = await self._jobs.get(JobId(report.job_id))
        if job is None or job.state is not JobState.RENDERING or job.attempt != report.attempt:
            return
        progress = Progress(step=report.step, steps=report.steps)
        await self._tell(job.id, report.attempt, progress, self._clock(), JobEventKind.PREVIEW)

    async def _tell(
        self,
        job_id: JobId,
        attempt: int,
        progress: Progress,
        now: datetime,
        kind: JobEventKind = JobEventKind.PROGRESS,
    ) -> None:
        detail = f"{progress.step}/{progress.steps}"
        await self._events.publish(
            JobEvent(job_id=job_id, kind=kind, attempt=attempt, at=now, detail=detail)
        )

    def _remember(self, job_id: JobId, beat: _Beat) -> None:
        self._beats.pop(job_id, None)
        self._beats[job_id] = beat
        if len(self._beats) > BEATS_MAX:
            # The longest silent: its worker is gone, or the job has ended without a report.
            del self._beats[next(iter(self._beats))]

    def _lease_for(self, progress: Progress, now: datetime, last: _Beat | None) -> timedelta:
        longest = max(self._start_lease, self._progress_lease)
        if last is None or last.progress.step == 0 or progress.step in (0, progress.steps):
            return longest
        # A pause of the worker, or of whoever reads reports, looks like one slow step.
        return min(longest, max(self._progress_lease, 5 * (now - last.at)))

    async def _change(self, report: RenderReport, move: Callable[[Job], Change]) -> Job | None:
        """Apply a move to the report's job; None, and a log line, if it does not apply."""
        facts = {"job_id": report.job_id, "attempt": report.attempt, "kind": report.kind}
        try:
            job = await self._jobs.change(JobId(report.job_id), move)
        except StaleAttempt as stale:
            _log.info("report_dropped", why=str(stale), **facts)
            return None
        except IllegalTransition as bug:
            _log.error("report_illegal", why=str(bug), **facts)
            return None
        if job is None:
            _log.warning("report_of_unknown_job", **facts)
        return job


def _must_be_current(job: Job, attempt: int) -> None:
    if job.is_terminal or job.lease is None or job.attempt != attempt:
        raise StaleAttempt(f"{job.id}: attempt {attempt}, job is {job.state} at {job.attempt}")


def _must_not_have_begun(job: Job, attempt: int) -> None:
    if job.state is JobState.RENDERING and job.attempt == attempt:
        raise StaleAttempt(f"{job.id}: attempt {attempt} has begun already")


def _beat(job: Job, report: RenderProgress, now: datetime, until: datetime) -> Change:
    progress = Progress(step=report.step, steps=report.steps)
    return job.beat(
        attempt=report.attempt, worker=report.worker, progress=progress, now=now, until=until
    )


def _fail_or_return(job: Job, report: RenderFailed, now: datetime) -> Change:
    """End the job, or send it back to the line if another attempt may go better."""
    if not report.is_retryable or job.losses + 1 >= LOSSES_MAX:
        failure = Failure(code=report.code, message=report.message)
        return job.fail(failure=failure, now=now, attempt=report.attempt)
    # The report that the worker began may be lost, but this attempt counts as one all the same.
    begun = job if job.state is not JobState.QUEUED else replace(job, state=JobState.RENDERING)
    return begun.return_to_line(now=now, reason=report.code, attempt=report.attempt)


def _with_findings(change: Change, judged: PicturesJudged | None) -> Change:
    """Keep with the job what was found in its pictures."""
    if judged is None:
        return change
    found = tuple(tuple(Found(**one.model_dump()) for one in of_one) for of_one in judged.pictures)
    kept = PictureJudgement(policy=judged.policy, version=judged.version, pictures=found)
    return replace(change, job=replace(change.job, picture_judgement=kept))


def _block(report: RenderBlocked) -> Block:
    return Block(
        stage="image",
        outcome=report.outcome,
        category=report.category,
        rule=report.rule,
        score=report.score,
    )


def _safety_report(report: RenderBlocked, owner: AccountId, now: datetime) -> SafetyReport:
    match = report.match
    return SafetyReport(
        id=report.job_id,
        account_id=owner,
        found_at=now,
        rule=report.rule,
        score=report.score,
        list_name=match.list_name if match else "",
        entry=match.entry if match else "",
        distance=match.distance if match else None,
        fingerprint=match.fingerprint if match else "",
        evidence=report.evidence,
    )


def _result(report: RenderFinished) -> GenerationResult:
    images = sorted(report.images, key=lambda image: image.index)
    return GenerationResult(
        images=tuple(_image(image) for image in images),
        timings=Timings(**report.timings.model_dump()),
        notes=tuple(note.value for note in report.notes),
        recipe=report.recipe,
        reproduction=report.reproduction,
    )


def _image(image: RenderedImage) -> ImageRef:
    return ImageRef(
        index=image.index,
        seed=image.seed,
        width=image.width,
        height=image.height,
        sha256=image.sha256,
        size_bytes=image.size_bytes,
        keys=dict(image.keys),
        registry_id=image.registry_id,
        digests=dict(image.digests),
        fingerprint=image.fingerprint,
        fingerprint_quality=image.fingerprint_quality,
        is_spoiler=image.is_spoiler,
    )
