"""What lies before moderators: list, release, keep, dismiss, and what it comes to for the asker."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import assert_never

from backend.domain.errors import DecisionImpossible, ReviewNotFound, ReviewNotReleasable
from backend.domain.jobs import Change, Job
from backend.domain.removals import Removal
from backend.domain.requests import JobId, Requester
from backend.domain.reviews import Decision, Review, ReviewId, ReviewKind, RulePrecision, is_own
from backend.domain.standing import AccountStanding
from backend.service import looks_on_record, on_record
from backend.service.moderation_ports import CardStore, ReviewStore
from backend.service.moderators import Moderators
from backend.service.ports import AuditLog, Clock, JobStore, OutboxPublisher
from backend.service.removals import Removals
from backend.service.standings import Standings


class Measure(StrEnum):
    """What a moderator does about the asker, beside deciding about the picture."""

    WARN = "warn"
    STRIKE = "strike"
    MUTE = "mute"
    BAN = "ban"


@dataclass(frozen=True, kw_only=True)
class ReviewCard:
    """A review beside the job it is of, and of a removed picture where it is gone from."""

    review: Review
    job: Job
    removal: Removal | None = None

    @property
    def is_own(self) -> bool:
        """Whether who decided is who it concerns."""
        return is_own(self.review, self.job)


class Reviews:
    """What moderators do. Every call checks that the requester is one."""

    def __init__(
        self,
        *,
        reviews: ReviewStore,
        jobs: JobStore,
        cards: CardStore,
        removals: Removals,
        standings: Standings,
        outbox: OutboxPublisher,
        audit: AuditLog,
        moderators: Moderators,
        clock: Clock,
    ) -> None:
        self._reviews = reviews
        self._cards = cards
        self._removals = removals
        self._jobs = jobs
        self._standings = standings
        self._outbox = outbox
        self._audit = audit
        self._moderators = moderators
        self._clock = clock

    async def open_cards(self, requester: Requester, *, limit: int = 5) -> list[ReviewCard]:
        """Return what is open: appeals and requests by when they are due, then the rest by age.

        That they were seen is on record.

        Raises:
            ModeratorsOnly, AccountSuspended: the requester may not decide.
            Unavailable: it cannot be put on record, so nothing is shown.

        """
        await self._moderators.must_moderate(requester)
        reviews = await self._reviews.open_reviews(limit)
        jobs = await self._jobs.many([review.job_id for review in reviews])
        shown = [review for review in reviews if review.job_id in jobs]
        who = requester.account_id
        await self._audit.record(looks_on_record.reviews_listed(who, shown, at=self._clock()))
        return [ReviewCard(review=review, job=jobs[review.job_id]) for review in shown]

    async def look(self, review_id: ReviewId, requester: Requester) -> ReviewCard:
        """Return one review to a moderator who wants to read it; that goes on record.

        Raises:
            ModeratorsOnly, AccountSuspended, ReviewNotFound.
            Unavailable: it cannot be put on record, so nothing is shown.

        """
        card = await self._found(review_id, requester)
        who = requester.account_id
        await self._audit.record(looks_on_record.review_seen(who, card.review, at=self._clock()))
        return card

    async def card(self, review_id: ReviewId, requester: Requester) -> ReviewCard:
        """Return one review, decided or not, to whoever is about to decide.

        Raises:
            ModeratorsOnly, AccountSuspended, OwnCase, ReviewNotFound.

        """
        card = await self._found(review_id, requester)
        await self._moderators.must_decide(requester, card.job.request.requester.account_id)
        return card

    async def release(
        self, review_id: ReviewId, requester: Requester, *, reason: str = ""
    ) -> ReviewCard:
        """Put the held job back in line at its old place, cleared for what it was held for.

        Raises:
            ModeratorsOnly, AccountSuspended, OwnCase, ReviewNotFound, ReviewNotReleasable.
            DecisionImpossible: the asker is banned or frozen meanwhile.

        """
        await self.card(review_id, requester)

        def move(job: Job) -> Change:
            category = job.block.category if job.block else ""
            return job.release(category=category, now=self._clock())

        return await self._decide(
            review_id, Decision.RELEASED, requester, reason, must=_must_be_releasable, move=move
        )

    async def keep(
        self, review_id: ReviewId, requester: Requester, *, reason: str = ""
    ) -> ReviewCard:
        """Close the review of a held job and leave the job blocked; `reason` is for the asker.

        Raises:
            ModeratorsOnly, AccountSuspended, OwnCase, ReviewNotFound.
            DecisionImpossible: it is a report.

        """
        await self.card(review_id, requester)
        return await self._decide(review_id, Decision.KEPT, requester, reason, must=_must_be_held)

    async def dismiss(
        self, review_id: ReviewId, requester: Requester, *, reason: str = ""
    ) -> ReviewCard:
        """Close the review of a report and leave the picture where it is.

        Raises:
            ModeratorsOnly, AccountSuspended, OwnCase, ReviewNotFound.
            DecisionImpossible: it is no report.

        """
        await self.card(review_id, requester)
        return await self._decide(
            review_id, Decision.DISMISSED, requester, reason, must=_must_be_a_report
        )

    async def remove(self, review_id: ReviewId, requester: Requester, *, reason: str) -> ReviewCard:
        """Remove the picture of a report everywhere, and close its review.

        Raises:
            ModeratorsOnly, AccountSuspended, OwnCase, ReviewNotFound.
            DecisionImpossible: it is of no picture.

        """
        review = (await self.card(review_id, requester)).review
        if review.picture_index is None:
            raise DecisionImpossible
        if not review.is_open:
            raise ReviewNotFound
        # First, as a removal that is begun twice is one, and a review may be closed later.
        await self._removals.remove(review.job_id, review.picture_index, requester, reason=reason)
        card = await self._decide(
            review_id, Decision.REMOVED, requester, reason, must=_must_be_a_report
        )
        return replace(card, removal=await self._removals.of_review(card.review))

    async def discipline(
        self, review_id: ReviewId, measure: Measure, requester: Requester, *, reason: str
    ) -> AccountStanding:
        """Warn, strike, mute or ban whoever asked for what a review is of.

        Raises:
            ModeratorsOnly, AccountSuspended, OwnCase, ReviewNotFound.

        """
        card = await self.card(review_id, requester)
        account_id = card.job.request.requester.account_id
        block, job_id = card.review.block, card.job.id
        match measure:
            case Measure.WARN:
                return await self._standings.warn(
                    account_id, reason=reason, by=requester, rule=block.category, job_id=job_id
                )
            case Measure.STRIKE:
                return await self._standings.strike(
                    account_id, reason=reason, by=requester, rule=block.category, job_id=job_id
                )
            case Measure.MUTE:
                return await self._standings.mute(account_id, reason=reason, by=requester)
            case Measure.BAN:
                return await self._standings.ban(account_id, reason=reason, by=requester)
            case _:
                assert_never(measure)

    async def rules(self, requester: Requester) -> list[RulePrecision]:
        """Return what became of all that was held, by rule.

        Raises:
            ModeratorsOnly, AccountSuspended: the requester may not decide.

        """
        await self._moderators.must_moderate(requester)
        return await self._reviews.rules()

    async def show_in(self, requester: Requester, guild_id: int, channel_id: int | None) -> None:
        """Choose the channel in which a guild's moderators see cards, or none; on record first.

        Raises:
            ModeratorsOnly, AccountSuspended: the requester may not decide.
            Unavailable: it cannot be put on record, so nothing is changed.

        """
        await self._moderators.must_moderate(requester)
        who = requester.account_id
        chosen = on_record.cards_channel(who, guild_id, channel_id, at=self._clock())
        await self._audit.record(chosen)
        await self._cards.set_channel(guild_id, channel_id)

    async def newest_of(self, job_id: JobId) -> Review | None:
        """Return the newest review of a held job, for surfaces that tell its owner of it."""
        reviews = await self._reviews.of_job(job_id)
        return next((review for review in reviews if review.kind is ReviewKind.HELD), None)

    async def _found(self, review_id: ReviewId, requester: Requester) -> ReviewCard:
        await self._moderators.must_moderate(requester)
        review = await self._reviews.get(review_id)
        job = None if review is None else await self._jobs.get(review.job_id)
        if review is None or job is None:
            raise ReviewNotFound
        removal = await self._removals.of_review(review)
        return ReviewCard(review=review, job=job, removal=removal)

    async def _decide(
        self,
        review_id: ReviewId,
        decision: Decision,
        requester: Requester,
        reason: str,
        *,
        must: Callable[[Review], None],
        move: Callable[[Job], Change] | None = None,
    ) -> ReviewCard:
        def decide(review: Review) -> Review:
            must(review)
            return review.decided(
                decision, by=requester.account_id, now=self._clock(), reason=reason
            )

        decided = await self._reviews.decide(review_id, decide, move)
        if decided is None:
            raise ReviewNotFound
        await self._outbox.publish_pending()
        return ReviewCard(review=decided[0], job=decided[1])


def _must_be_releasable(review: Review) -> None:
    if not review.is_releasable:
        raise ReviewNotReleasable


def _must_be_held(review: Review) -> None:
    if review.kind is not ReviewKind.HELD:
        raise DecisionImpossible


def _must_be_a_report(review: Review) -> None:
    if review.kind is ReviewKind.HELD:
        raise DecisionImpossible
