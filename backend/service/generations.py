"""Asking for pictures: submit, look, cancel, reroll, vary."""

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from backend.domain.errors import (
    ImageNotFound,
    JobFinished,
    JobNotDelivered,
    JobNotFound,
    NotYours,
)
from backend.domain.jobs import Change, Job, JobState
from backend.domain.prompts import SEED_MAX
from backend.domain.requests import GenerationRequest, JobId, Requester, SourceImage
from backend.domain.results import ImageRef, ImageVariant
from backend.domain.rework import Rework, Variation
from backend.domain.tiers import TIER_POLICIES, Tier, TierPolicy
from backend.prompt.write import write_list, write_manner, write_words
from backend.service import looks_on_record
from backend.service.child_safety import ChildSafety
from backend.service.fingerprints import fingerprint
from backend.service.fleet import Fleet
from backend.service.given_pictures import settled
from backend.service.job_view import JobView
from backend.service.moderators import Moderators, may_touch
from backend.service.named_pictures import Taken
from backend.service.ports import (
    AuditLog,
    CancelFlags,
    Clock,
    JobStore,
    OutboxPublisher,
    Outlooks,
    Pictures,
    Previews,
)
from backend.service.predictions import Predictions
from backend.service.reader import Reader
from backend.service.sets import Planned, must_be_few, places, plan
from backend.service.standings import Standings

LINK_TTL_S = 3600


def new_job_id() -> JobId:
    """Make an unguessable job id, safe in URLs and custom_ids."""
    return JobId("gen_" + secrets.token_hex(10))


def new_seed() -> int:
    """Draw a seed for a request that names none."""
    return secrets.randbelow(SEED_MAX + 1)


class Generations:
    """The use cases around one generation."""

    def __init__(
        self,
        *,
        jobs: JobStore,
        pictures: Pictures,
        reader: Reader,
        previews: Previews,
        cancel_flags: CancelFlags,
        outbox: OutboxPublisher,
        outlooks: Outlooks,
        predictions: Predictions,
        fleet: Fleet,
        standings: Standings,
        moderators: Moderators,
        child_safety: ChildSafety,
        audit: AuditLog,
        policies: Mapping[Tier, TierPolicy] = TIER_POLICIES,
        clock: Clock,
        make_id: Callable[[], JobId] = new_job_id,
        make_seed: Callable[[], int] = new_seed,
    ) -> None:
        self._jobs = jobs
        self._pictures = pictures
        self._reader = reader
        self._previews = previews
        self._cancel_flags = cancel_flags
        self._outbox = outbox
        self._outlooks = outlooks
        self._predictions = predictions
        self._fleet = fleet
        self._standings = standings
        self._moderators = moderators
        self._child_safety = child_safety
        self._audit = audit
        self._policies = policies
        self._clock = clock
        self._make_id = make_id
        self._make_seed = make_seed

    async def submit(self, request: GenerationRequest) -> JobView:
        """Understand and screen a request and put it in line; a held prompt comes back BLOCKED.

        Raises:
            BadInput: the request cannot be understood.
            NotTranslated: it cannot be translated, and no other words are drawn here.
            JobNotFound, ImageNotFound, UploadNotFound: a picture it is given is not there.
            PictureBlocked, TooManyUploads: a picture it links to may not be used, or kept.
            FamilyUnavailable: that family is not served here.
            NoLiveWorker: no worker for it has been there for minutes.
            IdempotencyMismatch: the key was used for another request.
            TooManyWaiting: the account has as many jobs waiting in this tier as it may.
            AccountSuspended: the account may not ask.

        """
        (view, *_) = await self._submit(request, most=1)
        return view

    async def submit_all(self, request: GenerationRequest) -> tuple[JobView, ...]:
        """Put all jobs in line that a prompt stands for by braces or `--repeat`, or none of them.

        Asked again under the same key, they are the same jobs.

        Raises:
            TooManyPermutations: they are more than one of their tiers allows.
            Whatever `submit` raises.

        """
        return await self._submit(request, most=None)

    async def _submit(self, request: GenerationRequest, *, most: int | None) -> tuple[JobView, ...]:
        first = await self._repeated(request)
        if first is not None:
            ids = first.request.place.ids() if first.request.place else (first.id,)
            return tuple([replace(await self.snapshot(one), is_repeated=True) for one in ids])
        await self._standings.must_be_welcome(request.requester.account_id)
        given, understood = await self._reader.read(request)
        planned = [replace(one, spec=given.complete(one.spec, request)) for one in plan(understood)]
        must_be_few(planned, self._policies, most=most)
        for family in dict.fromkeys(one.spec.family for one in planned):
            await self._fleet.must_serve(family)
        mentions = [mention for one in planned for mention in one.mentions]
        taken = await self._reader.named.take_in(mentions, request.requester)
        births = await self._births(await self._reader.with_wishes(request), planned, taken)
        jobs = await self._jobs.add_set(
            births,
            fingerprint=fingerprint(request),
            waiting_max={tier: policy.waiting_max for tier, policy in self._policies.items()},
        )
        await self._outbox.publish_pending()
        await self._child_safety.heed(jobs)
        is_repeated = jobs[0].id != births[0].job.id
        return tuple(
            [replace(await self.snapshot(job.id), is_repeated=is_repeated) for job in jobs]
        )

    async def _births(
        self, request: GenerationRequest, planned: Sequence[Planned], taken: Taken
    ) -> list[Change]:
        parent = self._make_id()
        is_set = len(planned) > 1
        return [
            one.birth(
                place.ids()[place.index],
                taken.added_to(one.request(request, place) if is_set else request, one.spec),
                seed=self._make_seed() if one.spec.seed is None else one.spec.seed,
                predicted_s=await self._predictions.predict_s(one.spec),
                now=self._clock(),
            )
            for one, place in zip(planned, places(parent, len(planned)), strict=True)
        ]

    async def view(self, job_id: JobId, requester: Requester) -> JobView:
        """Return a job to its owner, or to a moderator, which is put on record.

        Raises:
            AccountFrozen: the requester is.
            JobNotFound: there is none, it is somebody else's, or its owner is frozen.
            Unavailable: it cannot be put on record, so nothing is shown.

        """
        await self._standings.must_not_be_frozen(requester.account_id)
        view = await self.snapshot(job_id)
        if not may_touch(view.job, await self._moderators.as_of_now(requester)):
            raise JobNotFound
        await self._standings.must_be_shown(view.job)
        if view.job.request.requester.account_id != requester.account_id:
            seen = looks_on_record.job_seen(requester.account_id, view.job, at=self._clock())
            await self._audit.record(seen)
        return view

    async def snapshot(self, job_id: JobId) -> JobView:
        """Return a job as it is now, for surfaces that deliver it to its owner.

        Raises:
            JobNotFound: there is none.

        """
        job = await self._jobs.get(job_id)
        if job is None:
            raise JobNotFound
        if job.state is not JobState.QUEUED:
            return JobView(job=job)
        outlook = await self._outlooks.of(job) if job.is_waiting else None
        if outlook is None:
            return JobView(job=job, position=await self._jobs.ahead_of(job))
        return JobView(job=job, position=outlook.position, outlook=outlook)

    async def preview(self, job: Job) -> bytes | None:
        """Return what the job's pictures look like on their way, as WebP; None but while drawn."""
        return await self._previews.of(job) if job.state is JobState.RENDERING else None

    async def recent(self, requester: Requester, *, limit: int = 20) -> list[Job]:
        """Return the requester's newest jobs, unless they are frozen."""
        await self._standings.must_not_be_frozen(requester.account_id)
        return await self._jobs.by_account(requester.account_id, limit)

    async def cancel(self, job_id: JobId, requester: Requester) -> JobView:
        """End a job: at once while it waits, at its next denoising step while it is drawn.

        Raises:
            JobNotFound, NotYours, JobFinished.

        """
        requester = await self._moderators.as_of_now(requester)
        await self._moderators.note_cancelling(await self._jobs.get(job_id), requester)

        def move(job: Job) -> Change:
            if not may_touch(job, requester):
                raise NotYours
            if job.is_terminal:
                raise JobFinished
            return job.cancel(now=self._clock())

        job = await self._jobs.change(job_id, move)
        if job is None:
            raise JobNotFound
        await self._cancel_flags.raise_flag(job_id)
        await self._outbox.publish_pending()
        return JobView(job=job)

    async def reroll(
        self, job_id: JobId, requester: Requester, *, idempotency_key: str | None = None
    ) -> JobView:
        """Ask again for what a job asked, with another seed.

        Raises:
            JobNotFound and whatever `submit` raises.

        """
        origin = await self._origin(job_id)
        return await self.submit(
            self._descendant(
                origin, requester, source=origin.request.source, idempotency_key=idempotency_key
            )
        )

    async def vary(
        self,
        job_id: JobId,
        index: int,
        requester: Requester,
        *,
        idempotency_key: str | None = None,
    ) -> JobView:
        """Ask for variations of one delivered picture, far from it.

        Raises:
            JobNotFound, JobNotDelivered, ImageNotFound and whatever `submit` raises.

        """
        strong = Rework.vary(Variation.STRONG)
        return await self.rework(job_id, index, requester, strong, idempotency_key=idempotency_key)

    async def rework(
        self,
        job_id: JobId,
        index: int,
        requester: Requester,
        rework: Rework,
        *,
        idempotency_key: str | None = None,
    ) -> JobView:
        """Ask for something to be done with one delivered picture.

        Raises:
            JobNotFound, JobNotDelivered, ImageNotFound and whatever `submit` raises.

        """
        origin = await self._origin(job_id)
        image_of(origin, index)
        source = SourceImage(job_id=job_id, index=index, strength=rework.strength)
        request = self._descendant(
            origin, requester, source=source, idempotency_key=idempotency_key
        )
        return await self.submit(
            replace(
                request,
                prompt=rework.prompt or request.prompt,
                mask=rework.mask,
                outpaint=rework.outpaint,
                upscale=rework.upscale,
            )
        )

    async def image(self, job_id: JobId, index: int) -> tuple[Job, ImageRef]:
        """Return one delivered picture and its job.

        Raises:
            JobNotFound, JobNotDelivered, ImageNotFound.

        """
        job = await self._origin(job_id)
        return job, image_of(job, index)

    async def read_image(
        self, image: ImageRef, variant: ImageVariant = ImageVariant.ORIGINAL
    ) -> bytes:
        """Return the bytes of a picture.

        Raises:
            ImageNotFound: the object is gone.

        """
        return await self._pictures.read(image.keys[variant])

    async def link(self, image: ImageRef, variant: ImageVariant = ImageVariant.ORIGINAL) -> str:
        """Return a signed URL of a picture that works for an hour."""
        return self._pictures.link(image.keys[variant], ttl_s=LINK_TTL_S)

    async def _origin(self, job_id: JobId) -> Job:
        job = await self._jobs.get(job_id)
        if job is None:
            raise JobNotFound
        await self._standings.must_be_shown(job)
        return job

    async def _repeated(self, request: GenerationRequest) -> Job | None:
        """Return the job of an earlier request under this key: no limit refuses its repetition."""
        if request.idempotency_key is None:
            return None
        return await self._jobs.repeated(
            request.requester.account_id,
            request.idempotency_key,
            fingerprint=fingerprint(request),
        )

    def _descendant(
        self,
        origin: Job,
        requester: Requester,
        *,
        source: SourceImage | None,
        idempotency_key: str | None,
    ) -> GenerationRequest:
        """Make a request for the same words with a fresh seed, drawn at birth."""
        # Words go out in the language they came in, and are translated again.
        spec = origin.spec.typed
        return replace(
            settled(origin),
            requester=requester,
            prompt=" ".join((write_words(spec.positive), *write_manner(spec.manner))),
            negative_prompt=write_list(spec.negative),
            family=spec.family,
            tier=spec.tier,
            aspect_ratio=spec.aspect_ratio,
            steps=spec.steps,
            guidance=spec.guidance,
            sampler=spec.sampler,
            image_count=_count_of(origin),
            is_tiled=spec.is_tiled,
            loras=spec.loras,
            seed=None,
            source=source,
            recipe=None,
            idempotency_key=idempotency_key,
            place=None,
            is_as_written=True,
        )


def _count_of(origin: Job) -> int | None:
    """Return how many pictures a descendant has; an enlarged one was alone for that reason only."""
    return origin.request.image_count if origin.request.upscale else origin.spec.image_count


def image_of(job: Job, index: int) -> ImageRef:
    """Return a delivered picture of the job.

    Raises:
        JobNotDelivered: it has no pictures yet.
        ImageNotFound: it has fewer.

    """
    if job.result is None:
        raise JobNotDelivered
    image = job.image(index)
    if image is None:
        raise ImageNotFound
    return image
