"""The waiting line: lease rows for sending, take lost ones back. Commits before anything is sent.

Whoever calls publishes the outbox afterwards: a job is on its way before the world hears of it.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

import structlog

from backend.contracts import RenderJob, SourceKey
from backend.domain.families import ModelFamily
from backend.domain.jobs import Change, Failure, IllegalTransition, Job, StaleAttempt
from backend.domain.outlook import Outlook
from backend.domain.requests import JobId, SourceImage
from backend.domain.results import ImageVariant
from backend.scheduling.gauges import FamilyGauges
from backend.service.ports import Clock, JobStore, SentJobs
from backend.service.turns import OpenTurns, Turns

EXPIRED_BATCH = 200

_log = structlog.get_logger(__name__)


class Line:
    """Moves jobs between the table and the worker queues.

    `dispatch_lease_s` is how long a sent job may go without a sign before its message is looked
    for: if that still waits for a worker the lease is renewed, else the job goes back to the line.
    """

    def __init__(
        self,
        *,
        jobs: JobStore,
        sent: SentJobs,
        open_turns: OpenTurns,
        clock: Clock,
        dispatch_lease_s: float = 60.0,
    ) -> None:
        self._jobs = jobs
        self._open_turns = open_turns
        self._turns: dict[ModelFamily, Turns] = {}
        self._sent = sent
        self._clock = clock
        self._lease = timedelta(seconds=dispatch_lease_s)

    async def lease_next(self, family: ModelFamily, slots: int) -> list[RenderJob]:
        """Lease the jobs that `slots` live worker slots should be handed now, in sending order.

        One for each slot is handed out ahead, so that a worker never waits for us between two
        jobs; all else stays in the table, where it still competes.
        """
        turns = self._turns_of(family)
        await turns.look()
        room = slots - sum((await self._jobs.in_flight(family)).values())
        leased: list[RenderJob] = []
        while len(leased) < room and (job_id := turns.take(slots=slots)) is not None:
            message = await self._lease_one(job_id)
            if message is None:
                turns.drop(job_id)
            else:
                leased.append(message)
        await turns.remember()
        return leased

    async def outlooks(self, family: ModelFamily, slots: int) -> dict[JobId, Outlook]:
        """Say of every waiting job where it stands and when it will probably begin."""
        turns = self._turns_of(family)
        if slots == 0:
            # Nobody is handed anything, so nobody has looked.
            await turns.look()
        return turns.outlooks(slots=slots)

    async def gauges(self, family: ModelFamily, slots: int) -> FamilyGauges:
        """Return what an operator is told of a family's line, as it was last looked at."""
        return await self._turns_of(family).gauges(slots=slots)

    def look_again(self) -> None:
        """Note that jobs came back to the line, which a look at newcomers would not find."""
        for turns in self._turns.values():
            turns.forget_looks()

    def begin_anew(self) -> None:
        """Forget what another leader may have changed meanwhile; it is read again when needed."""
        self._turns.clear()

    def _turns_of(self, family: ModelFamily) -> Turns:
        if family not in self._turns:
            self._turns[family] = self._open_turns(family)
        return self._turns[family]

    async def unsent(self, message: RenderJob) -> None:
        """Put a job back whose message could not be sent."""

        def move(job: Job) -> Change:
            return job.return_to_line(
                now=self._clock(), reason="send_failed", attempt=message.attempt
            )

        job = await self._change(JobId(message.job_id), move)
        if job is not None:
            # An error does not prove that nothing was sent.
            await self._sent.void(job)

    async def return_lost(self, *, before: datetime | None = None) -> int:
        """Return jobs whose lease ran out before a moment (now) to the line, and count them."""
        before = before or self._clock()
        returned = 0
        for job_id in await self._jobs.expired(before, EXPIRED_BATCH):
            job = await self._jobs.get(job_id)
            if job is not None:
                returned += await self._settle_expired(job, before)
        return returned

    async def _lease_one(self, job_id: JobId) -> RenderJob | None:
        job = await self._jobs.get(job_id)
        if job is None or not job.is_waiting:
            return None
        source = await self._source_key(job.request.source)
        if job.request.source is not None and source is None:
            await self._change(job_id, self._fail_without_source)
            return None
        now = self._clock()
        leased = await self._change(
            job_id, lambda row: row.dispatch(now=now, until=now + self._lease)
        )
        return None if leased is None else _message(leased, source)

    async def _source_key(self, source: SourceImage | None) -> SourceKey | None:
        """Return where the picture to start from is stored; None when there is none (any more)."""
        origin = None if source is None else await self._jobs.get(source.job_id)
        if source is None or origin is None or origin.result is None:
            return None
        for image in origin.result.images:
            if image.index == source.index:
                return SourceKey(key=image.keys[ImageVariant.ORIGINAL], strength=source.strength)
        return None

    def _fail_without_source(self, job: Job) -> Change:
        if not job.is_waiting:
            raise StaleAttempt(f"{job.id} is no longer waiting")
        failure = Failure(
            code="image_not_found", message="The picture to start from no longer exists."
        )
        return job.fail(failure=failure, now=self._clock())

    async def _settle_expired(self, seen: Job, before: datetime) -> bool:
        """Renew the lease if the message still waits, else take the job back. True if taken."""
        if seen.lease is None or seen.lease.until > before:
            return False
        begun = seen.lease.worker != ""
        if not begun and await self._sent.holds(seen):
            await self._change(seen.id, lambda row: self._keep(row, seen.attempt))
            return False

        def move(job: Job) -> Change:
            if job.lease is None or job.lease.until > before:
                raise StaleAttempt(f"{job.id}: the lease was renewed meanwhile")
            reason = "worker_lost" if begun else "message_lost"
            return job.return_to_line(now=self._clock(), reason=reason, attempt=seen.attempt)

        await self._sent.void(seen)
        if await self._change(seen.id, move) is None:
            return False
        _log.warning("job_returned", job_id=seen.id, attempt=seen.attempt, begun=begun)
        return True

    def _keep(self, job: Job, attempt: int) -> Change:
        now = self._clock()
        return job.keep_sent(attempt=attempt, now=now, until=now + self._lease)

    async def _change(self, job_id: JobId, move: Callable[[Job], Change]) -> Job | None:
        """Apply a move; None if the job has gone elsewhere since it was looked at."""
        try:
            return await self._jobs.change(job_id, move)
        except (IllegalTransition, StaleAttempt) as overtaken:
            _log.info("move_overtaken", job_id=job_id, why=str(overtaken))
            return None


def _message(job: Job, source: SourceKey | None) -> RenderJob:
    spec = job.spec
    return RenderJob(
        job_id=job.id,
        attempt=job.attempt,
        family=spec.family,
        tier=spec.tier,
        prompt=spec.positive_text,
        negative_prompt=spec.negative_text,
        aspect_width=spec.aspect_ratio.width,
        aspect_height=spec.aspect_ratio.height,
        steps=spec.steps,
        guidance=spec.guidance,
        sampler=spec.sampler,
        seed=job.seed,
        image_count=spec.image_count,
        source=source,
        clearances=job.clearances,
    )
