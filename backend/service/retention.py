"""How long delivered pictures are kept, by guild; what goes, goes for good and is proven gone."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from backend.domain.jobs import Job
from backend.domain.registered import RegisteredPicture
from backend.domain.requests import AccountId
from backend.domain.results import ImageRef
from backend.service.moderation_ports import ReviewStore
from backend.service.on_record import HOUSE
from backend.service.picture_ports import PictureStore
from backend.service.ports import AuditLog, Clock, JobStore
from backend.service.removal_ports import PictureFiles
from safety.moderation.audit import AuditEntry

EXPIRED: Final = "picture.expired"
PAGE: Final = 200


@dataclass(frozen=True, kw_only=True)
class RetentionRules:
    """After how many days a picture goes, None for never; guilds may have their own answer."""

    days: int | None = None
    guild_days: Mapping[str, int | None] = field(default_factory=dict)

    def days_for(self, job: Job) -> int | None:
        """Return how long the pictures of a job are kept."""
        place = job.request.requester.place
        if place is None:
            return self.days
        return self.guild_days.get(place.guild_id, self.days)

    @property
    def shortest(self) -> int | None:
        """How old a picture is at least before any rule concerns it; None if none ever does."""
        return min(
            (d for d in (self.days, *self.guild_days.values()) if d is not None), default=None
        )


class Retention:
    """Removes pictures whose time is over; each is on record with the proof that it is gone.

    What an account that is frozen had drawn is preserved, whatever the rules say, and so are
    pictures of a job about which moderators have still to decide.
    """

    def __init__(
        self,
        *,
        pictures: PictureStore,
        jobs: JobStore,
        files: PictureFiles,
        audit: AuditLog,
        reviews: ReviewStore,
        is_frozen: Callable[[AccountId], Awaitable[bool]],
        rules: RetentionRules,
        clock: Clock,
    ) -> None:
        self._pictures = pictures
        self._jobs = jobs
        self._files = files
        self._audit = audit
        self._reviews = reviews
        self._is_frozen = is_frozen
        self._rules = rules
        self._clock = clock
        # Everything up to here is gone.
        self._gone_to = 0

    async def expire(self) -> int:
        """Go through pictures in order of delivery, remove those that are due, and count them.

        Raises:
            Unavailable: the database or the store does not answer; the rest is for next time.

        """
        shortest = self._rules.shortest
        if shortest is None:
            return 0
        now, count = self._clock(), 0
        oldest_kept = now - timedelta(days=shortest)
        at, is_unbroken = self._gone_to, True
        while page := await self._pictures.delivered_after(at, PAGE):
            for picture in page:
                if picture.delivered_at > oldest_kept:
                    return count
                is_gone, is_new = await self._settle(picture, now)
                count += is_new
                is_unbroken = is_unbroken and is_gone
                at = picture.sequence
                if is_unbroken:
                    self._gone_to = at
        return count

    async def _settle(self, picture: RegisteredPicture, now: datetime) -> tuple[bool, bool]:
        """Remove a picture if it is due; say whether it is gone, and whether that is new."""
        subject = f"picture:{picture.job_id}:{picture.index}"
        if await self._audit.last(EXPIRED, subject) is not None:
            return True, False
        job = await self._jobs.get(picture.job_id)
        image = None if job is None else job.image(picture.index)
        if job is None or image is None:
            # Somebody else has removed it.
            return True, False
        days = self._rules.days_for(job)
        if days is None or now - picture.delivered_at < timedelta(days=days):
            return False, False
        if await self._is_preserved(job):
            return False, False
        is_gone = await self._remove(job, image, subject, days)
        return is_gone, is_gone

    async def _is_preserved(self, job: Job) -> bool:
        if await self._is_frozen(job.request.requester.account_id):
            return True
        return any(review.is_open for review in await self._reviews.of_job(job.id))

    async def _remove(self, job: Job, image: ImageRef, subject: str, days: int) -> bool:
        gone, proof = await self._files.remove(tuple(image.keys.values()))
        if not gone or not all(gone.values()):
            return False
        entry = AuditEntry(
            action=EXPIRED,
            actor=HOUSE,
            subject=subject,
            outcome="removed",
            detail={
                "account": job.request.requester.account_id,
                "sha256": image.sha256,
                "days": str(days),
                "proof": proof,
            },
            at=self._clock(),
        )
        await self._audit.record(entry)
        return True
