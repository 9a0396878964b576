"""Held jobs before moderators: list, release, keep."""

from dataclasses import dataclass, replace

from backend.domain.errors import ReviewNotFound, ReviewNotReleasable
from backend.domain.jobs import Change, Job
from backend.domain.requests import Requester
from backend.domain.reviews import Decision, Review, ReviewId
from backend.service import on_record
from backend.service.moderators import must_moderate
from backend.service.ports import AuditLog, Clock, JobStore, OutboxPublisher, ReviewStore


@dataclass(frozen=True, kw_only=True)
class ReviewCard:
    """A review beside the job it holds."""

    review: Review
    job: Job


class Reviews:
    """What moderators do with held jobs. Every call checks that the requester is a moderator."""

    def __init__(
        self,
        *,
        reviews: ReviewStore,
        jobs: JobStore,
        outbox: OutboxPublisher,
        audit: AuditLog,
        clock: Clock,
    ) -> None:
        self._reviews = reviews
        self._jobs = jobs
        self._outbox = outbox
        self._audit = audit
        self._clock = clock

    async def open_cards(self, requester: Requester, *, limit: int = 5) -> list[ReviewCard]:
        """Return open reviews with their jobs, oldest first; that they were seen is on record.

        Raises:
            ModeratorsOnly: the requester is none.
            Unavailable: it cannot be put on record, so nothing is shown.

        """
        must_moderate(requester)
        cards = []
        for review in await self._reviews.open_reviews(limit):
            job = await self._jobs.get(review.job_id)
            if job is not None:
                cards.append(ReviewCard(review=review, job=job))
        shown = [card.review for card in cards]
        who = requester.account_id
        await self._audit.record(on_record.reviews_listed(who, shown, at=self._clock()))
        return cards

    async def release(self, review_id: ReviewId, requester: Requester) -> ReviewCard:
        """Put the held job back in line, cleared for the category it was held for.

        Raises:
            ModeratorsOnly, ReviewNotFound, ReviewNotReleasable.

        """
        must_moderate(requester)

        def decide(review: Review) -> Review:
            if not review.is_releasable:
                raise ReviewNotReleasable
            return self._decided(review, Decision.RELEASED, requester)

        def move(job: Job) -> Change:
            category = job.block.category if job.block else ""
            return job.release(category=category, now=self._clock())

        decided = await self._reviews.decide(review_id, decide, move)
        return await self._card(decided)

    async def keep(self, review_id: ReviewId, requester: Requester) -> ReviewCard:
        """Close the review and leave the job blocked.

        Raises:
            ModeratorsOnly, ReviewNotFound.

        """
        must_moderate(requester)
        decided = await self._reviews.decide(
            review_id, lambda review: self._decided(review, Decision.KEPT, requester), None
        )
        return await self._card(decided)

    def _decided(self, review: Review, decision: Decision, requester: Requester) -> Review:
        if review.decision is not Decision.OPEN:
            raise ReviewNotFound
        return replace(
            review,
            decision=decision,
            decided_by=requester.account_id,
            decided_at=self._clock(),
        )

    async def _card(self, decided: tuple[Review, Job] | None) -> ReviewCard:
        if decided is None:
            raise ReviewNotFound
        await self._outbox.publish_pending()
        return ReviewCard(review=decided[0], job=decided[1])
