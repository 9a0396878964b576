"""The waiting line: lease rows for sending, take lost ones back. Commits before anything is sent.

Whoever calls publishes the outbox afterwards: a job is on its way before the world hears of it.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from backend.contracts import LoraUse, PolicyUse, RenderJob
from backend.domain.families import ModelFamily
from backend.domain.jobs import (
    Change,
    Failure,
    IllegalTransition,
    Job,
    JobState,
    StaleAttempt,
)
from backend.domain.outlook import Outlook
from backend.domain.requests import JobId
from backend.scheduling.asking import Asks
from backend.scheduling.gauges import FamilyGauges
from backend.scheduling.gpu_pool import LiveWorker
from backend.service.given_pictures import (
    GivenKeys,
    GivenPictures,
    outpaint_use,
    upscale_use,
)
from backend.service.policies import Policies, policy_use
from backend.service.ports import Clock, JobStore, SentJobs
from backend.service.told_words import manner_of, negative_parts_of, parts_of
from backend.service.turns import OpenTurns, Turns

EXPIRED_BATCH = 200
# For so long nobody writes to the own queue of a worker that has left a job lying in it.
UNHEARD_FOR = timedelta(seconds=15)

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class Sending:
    """A leased job's message, and the worker whose own queue it is for; "" for its tier's."""

    message: RenderJob
    worker: str = ""


class Line:
    """Moves jobs between the table and the worker queues.

    `dispatch_lease_s` is how long a sent job may go without a sign before its message is looked
    for: if that still waits for a worker the lease is renewed, else the job goes back to the line.
    """

    def __init__(
        self,
        *,
        jobs: JobStore,
        pictures: GivenPictures,
        sent: SentJobs,
        policies: Policies,
        open_turns: OpenTurns,
        clock: Clock,
        dispatch_lease_s: float = 60.0,
    ) -> None:
        self._jobs = jobs
        self._pictures = pictures
        self._policies = policies
        self._open_turns = open_turns
        self._turns: dict[ModelFamily, Turns] = {}
        self._sent = sent
        self._clock = clock
        self._lease = timedelta(seconds=dispatch_lease_s)
        self._unheard: dict[str, datetime] = {}

    @property
    def is_empty(self) -> bool:
        """Whether nobody waited in any family when each was last looked at."""
        return all(self._turns_of(family).is_empty for family in ModelFamily)

    async def in_flight(self, family: ModelFamily) -> dict[str, int]:
        """Count the jobs handed out and not begun, by whose own queue they are in.

        To be asked before the workers are.
        """
        counts = Counter[str]()
        for (_, worker), count in (await self._jobs.in_flight(family)).items():
            counts[worker] += count
        return counts

    async def lease_next(
        self, family: ModelFamily, workers: Sequence[LiveWorker], *, in_flight: Mapping[str, int]
    ) -> list[Sending]:
        """Lease the jobs that live workers ask for now, in sending order, and no more.

        All else stays in the table, where it still competes. `in_flight` was counted before the
        workers said what they want: what one has begun since then it no longer asks for.
        """
        turns = self._turns_of(family)
        leased: list[Sending] = []
        async with turns.lock:
            await turns.look()
            asks = Asks(workers, sent=in_flight, unheard=self._unheard_now())
            while asks.room > 0:
                job = turns.take(slots=asks.slots, credit=asks.credit())
                if job is None:
                    break
                worker = asks.answer(job.adapters)
                message = await self._lease_one(job.job_id, worker)
                if message is None:
                    turns.drop(job.job_id)
                    asks.take_back(worker)
                else:
                    leased.append(Sending(message=message, worker=worker))
            await turns.remember()
        # A worker's own job goes first, so that it does not take another's place meanwhile.
        return sorted(leased, key=lambda sending: sending.worker == "")

    async def outlooks(self, family: ModelFamily, slots: int) -> dict[JobId, Outlook]:
        """Say of every waiting job where it stands and when it will probably begin.

        Looking ahead over thousands of jobs takes a thread a while; nobody waits for it here.
        """
        turns = self._turns_of(family)
        async with turns.lock:
            await self._look_if_nobody_does(turns, slots)
            foresight = turns.foresight(slots=slots)
        foreseen = await asyncio.to_thread(foresight.look_ahead)
        turns.note_told(foreseen, at_s=foresight.now_s)
        return {job_id: told.outlook for job_id, told in foreseen.items()}

    async def gauges(self, family: ModelFamily, slots: int) -> FamilyGauges:
        """Return what an operator is told of a family's line, as it was last looked at."""
        turns = self._turns_of(family)
        async with turns.lock:
            await self._look_if_nobody_does(turns, slots)
            return await turns.gauges(slots=slots)

    async def _look_if_nobody_does(self, turns: Turns, slots: int) -> None:
        """Look where nobody is handed anything, or nobody has been since we lead."""
        if slots == 0 or not turns.is_open:
            await turns.look()

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

    def _unheard_now(self) -> list[str]:
        now = self._clock()
        self._unheard = {name: until for name, until in self._unheard.items() if until > now}
        return list(self._unheard)

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

    async def return_held_by(self, worker: str) -> int:
        """Return the jobs of a worker that is gone to the line, and count them.

        Whoever calls has read all that it reported.
        """
        returned = 0
        for job_id in await self._jobs.held_by(worker):
            seen = await self._jobs.get(job_id)
            if seen is not None:
                returned += await self._take_from(worker, seen)
        return returned

    async def _take_from(self, worker: str, seen: Job) -> bool:
        def move(job: Job) -> Change:
            if job.lease is None or job.lease.worker != worker:
                raise StaleAttempt(f"{job.id} is no longer held by {worker}")
            return job.return_to_line(now=self._clock(), reason="worker_lost", attempt=seen.attempt)

        await self._sent.void(seen)
        if await self._change(seen.id, move) is None:
            return False
        _log.warning("job_returned", job_id=seen.id, attempt=seen.attempt, worker=worker)
        return True

    async def _lease_one(self, job_id: JobId, worker: str) -> RenderJob | None:
        job = await self._jobs.get(job_id)
        if job is None or not job.is_waiting:
            return None
        given = await self._pictures.keys_of(job)
        if given is None:
            await self._change(job_id, self._fail_without_picture)
            return None
        place = job.request.requester.place
        policy = policy_use(await self._policies.at(place))
        now = self._clock()
        leased = await self._change(
            job_id, lambda row: row.dispatch(now=now, until=now + self._lease, worker=worker)
        )
        return None if leased is None else message_of(leased, given, policy)

    def _fail_without_picture(self, job: Job) -> Change:
        if not job.is_waiting:
            raise StaleAttempt(f"{job.id} is no longer waiting")
        failure = Failure(
            code="image_not_found", message="A picture given to this job no longer exists."
        )
        return job.fail(failure=failure, now=self._clock())

    async def _settle_expired(self, seen: Job, before: datetime) -> bool:
        """Renew the lease if the message still waits, else take the job back. True if taken."""
        if seen.lease is None or seen.lease.until > before:
            return False
        begun = seen.state is JobState.RENDERING
        if not begun and seen.lease.worker:
            # It asked, and then did not take what it was given: others may be quicker.
            self._unheard[seen.lease.worker] = self._clock() + UNHEARD_FOR
        elif not begun and await self._sent.holds(seen):
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


def message_of(job: Job, given: GivenKeys, policy: PolicyUse | None = None) -> RenderJob:
    """Return what a worker is told of a leased job, its pictures, and the policy of its place."""
    spec = job.spec
    return RenderJob(
        job_id=job.id,
        attempt=job.attempt,
        family=spec.family,
        tier=spec.tier,
        prompt=spec.drawn_text,
        negative_prompt=spec.negative_text,
        parts=parts_of(spec.drawn),
        negative_parts=negative_parts_of(spec.negative),
        aspect_width=spec.aspect_ratio.width,
        aspect_height=spec.aspect_ratio.height,
        steps=spec.steps,
        guidance=spec.guidance,
        sampler=spec.sampler,
        seed=job.seed,
        image_count=spec.image_count,
        source=given.source,
        mask=given.mask,
        outpaint=outpaint_use(job),
        upscale=upscale_use(job),
        image_prompts=given.image_prompts,
        controls=given.controls,
        is_tiled=spec.is_tiled,
        clearances=job.clearances,
        manner=manner_of(spec.manner),
        loras=tuple(LoraUse(name=lora.name, scale=lora.scale) for lora in spec.loras),
        is_exact=job.request.recipe is not None,
        recipe=job.request.recipe,
        writes_parameters=job.request.writes_parameters,
        policy=policy,
    )
