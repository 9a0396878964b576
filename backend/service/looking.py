"""Looking at what has to be decided: veiled first, clear at a wish, and never at child safety.

To see it all day wears people out, and most can be decided without. What is held is not here: of
it no picture is kept, and it is decided by what was found.
"""

from backend.domain.errors import DecisionImpossible, ImageNotFound, JobNotFound, ReviewNotFound
from backend.domain.jobs import Job
from backend.domain.requests import Requester
from backend.domain.results import ImageRef, ImageVariant
from backend.domain.reviews import Review, ReviewId
from backend.service import looks_on_record
from backend.service.generations import image_of
from backend.service.moderation_ports import ReviewStore
from backend.service.moderators import Moderators
from backend.service.ports import AuditLog, Clock, JobStore, Pictures
from backend.service.standings import Standings


class ReviewPictures:
    """The pictures of reports and requests, for moderators; each look by one is on record."""

    def __init__(
        self,
        *,
        reviews: ReviewStore,
        jobs: JobStore,
        pictures: Pictures,
        standings: Standings,
        audit: AuditLog,
        moderators: Moderators,
        clock: Clock,
    ) -> None:
        self._reviews = reviews
        self._jobs = jobs
        self._pictures = pictures
        self._standings = standings
        self._audit = audit
        self._moderators = moderators
        self._clock = clock

    async def on_card(self, review: Review) -> bytes | None:
        """Return what stands on a card, small, grey and blurred; None where nothing may or can."""
        if not (review.is_open and review.may_be_seen):
            return None
        try:
            _, image = await self._found(review)
            return await self._veiled(image)
        except (JobNotFound, ImageNotFound):
            return None

    async def veiled(self, review_id: ReviewId, moderator: Requester) -> bytes:
        """Return a review's picture small, grey and blurred, as WebP.

        Raises:
            ModeratorsOnly, AccountSuspended, ReviewNotFound.
            DecisionImpossible: it has no picture that anybody may look at.
            JobNotFound, ImageNotFound: it is removed, or its owner is frozen.
            Unavailable: it cannot be put on record, so nothing is shown.

        """
        _, image = await self._looked_at(review_id, moderator, is_veiled=True)
        return await self._veiled(image)

    async def clear(self, review_id: ReviewId, moderator: Requester) -> tuple[Job, ImageRef]:
        """Put on record that a moderator looks at a picture as it is, and return which it is.

        Raises:
            What `veiled` raises.

        """
        return await self._looked_at(review_id, moderator, is_veiled=False)

    async def _looked_at(
        self, review_id: ReviewId, moderator: Requester, *, is_veiled: bool
    ) -> tuple[Job, ImageRef]:
        await self._moderators.must_moderate(moderator)
        review = await self._reviews.get(review_id)
        if review is None:
            raise ReviewNotFound
        if not review.may_be_seen:
            raise DecisionImpossible
        found = await self._found(review)
        entry = looks_on_record.picture_looked_at(
            moderator.account_id, review, is_veiled=is_veiled, at=self._clock()
        )
        await self._audit.record(entry)
        return found

    async def _found(self, review: Review) -> tuple[Job, ImageRef]:
        job = await self._jobs.get(review.job_id)
        if job is None or review.picture_index is None:
            raise JobNotFound
        await self._standings.must_be_shown(job)
        if job.result is None:
            raise ImageNotFound
        return job, image_of(job, review.picture_index)

    async def _veiled(self, image: ImageRef) -> bytes:
        key = image.keys.get(ImageVariant.THUMBNAIL_512) or image.keys[ImageVariant.ORIGINAL]
        return await self._pictures.veiled(key)
