"""Twins of what moderation keeps, over the same `Memory` as the jobs."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime

from backend.domain.errors import DecisionImpossible, ReportRepeated, TooManyReports
from backend.domain.jobs import Block, Change, Job
from backend.domain.requests import AccountId, JobId
from backend.domain.results import folder_of
from backend.domain.reviews import (
    REMINDED_EVERY,
    Backlog,
    BacklogKind,
    Decision,
    Review,
    ReviewId,
    ReviewKind,
    RulePrecision,
)
from backend.domain.standing import AccountStanding, StandingRules
from backend.service import on_record
from backend.service.moderation_ports import NEVER_SHOWN, Card, Complaint, Reminder
from backend.service.moderators import Moderators
from backend.service.ports import Clock, OutboxPublisher
from backend.service.standings import Standings
from safety.moderation.audit import AuditEntry
from tests.fakes.audit import MemoryAuditLog
from tests.fakes.events import MemoryCancelFlags
from tests.fakes.stores import Memory


class MemoryReviewStore:
    """The `ReviewStore` in memory."""

    def __init__(self, *, memory: Memory) -> None:
        self.memory = memory

    async def get(self, review_id: ReviewId) -> Review | None:
        return self.memory.reviews.get(review_id)

    async def open_reviews(self, limit: int) -> list[Review]:
        found = [review for review in self.memory.reviews.values() if review.is_open]
        return sorted(found, key=lambda review: review.turn)[:limit]

    async def of_job(self, job_id: JobId) -> list[Review]:
        found = [review for review in self.memory.reviews.values() if review.job_id == job_id]
        return sorted(found, key=lambda review: (review.opened_at, review.id), reverse=True)

    async def decide(
        self,
        review_id: ReviewId,
        decide: Callable[[Review], Review],
        move: Callable[[Job], Change] | None,
    ) -> tuple[Review, Job] | None:
        review = self.memory.reviews.get(review_id)
        if review is None:
            return None
        decided = decide(review)
        if move is not None:
            owner = self.memory.jobs[review.job_id].request.requester.account_id
            if self.memory.standing(owner).is_barred:
                raise DecisionImpossible
            self.memory.move(review.job_id, move)
        self.memory.reviews[review_id] = decided
        job = self.memory.jobs[review.job_id]
        self.memory.audit.append(on_record.decision(decided, job))
        return decided, job

    async def complain(self, complaint: Complaint, *, most_since: tuple[int, datetime]) -> Review:
        most, since = most_since
        own = [old for old in self.memory.complaints if old.account_id == complaint.account_id]
        picture = (complaint.job_id, complaint.picture_index)
        if any((old.job_id, old.picture_index) == picture for old in own):
            raise ReportRepeated
        if sum(old.at >= since for old in own) >= most:
            raise TooManyReports(limit=most)
        review = self._open_report(complaint).joined(complaint.words)
        self.memory.reviews[review.id] = review
        self.memory.complaints.append(complaint)
        self.memory.audit.append(on_record.report(review, complaint))
        return review

    def _open_report(self, complaint: Complaint) -> Review:
        for review in self.memory.reviews.values():
            picture = (review.job_id, review.picture_index)
            is_same = picture == (complaint.job_id, complaint.picture_index)
            if is_same and review.kind is complaint.kind and review.is_open:
                return review
        return Review(
            id=ReviewId(f"rev_{len(self.memory.reviews) + 1:06d}"),
            job_id=complaint.job_id,
            block=Block(stage="report", outcome="review", category="reported", rule="report"),
            opened_at=complaint.at,
            kind=complaint.kind,
            picture_index=complaint.picture_index,
        )

    async def rules(self) -> list[RulePrecision]:
        held = [one for one in self.memory.reviews.values() if one.kind is ReviewKind.HELD]
        places = sorted({(one.block.rule, one.block.stage, one.block.category) for one in held})
        return [_precision(held, *place) for place in places]

    async def backlog(self, now: datetime) -> list[Backlog]:
        found = [review for review in self.memory.reviews.values() if review.is_open]
        return [_backlog(found, kind, now) for kind in BacklogKind]


def _is_overdue(review: Review, now: datetime) -> bool:
    return review.is_open and review.due_at is not None and review.due_at < now


def _backlog(found: list[Review], kind: BacklogKind, now: datetime) -> Backlog:
    own = [one for one in found if kind == (BacklogKind.APPEAL if one.appeal else one.kind.value)]
    since = [one.appeal.at if one.appeal else one.opened_at for one in own]
    return Backlog(
        kind=kind,
        open=len(own),
        overdue=sum(_is_overdue(one, now) for one in own),
        oldest_s=max(((now - at).total_seconds() for at in since), default=0.0),
    )


def _precision(held: list[Review], rule: str, stage: str, category: str) -> RulePrecision:
    own = [
        one
        for one in held
        if (one.block.rule, one.block.stage, one.block.category) == (rule, stage, category)
    ]
    counts = Counter(one.decision for one in own)
    return RulePrecision(
        stage=stage,
        category=category,
        rule=rule,
        held=len(own),
        open=counts[Decision.OPEN],
        overturned=counts[Decision.RELEASED],
        upheld=counts[Decision.KEPT] + counts[Decision.REMOVED],
        appealed=sum(one.appeal is not None for one in own),
    )


class MemoryCardStore:
    """The `CardStore` in memory."""

    def __init__(self, *, memory: Memory) -> None:
        self.memory = memory
        self.cards: dict[str, Card] = {}
        self.told: dict[ReviewId, datetime | None] = {}
        self.reminded: dict[ReviewId, tuple[int, datetime]] = {}
        self._channels: dict[int, int] = {}

    async def channels(self) -> dict[int, int]:
        return dict(self._channels)

    async def set_channel(self, guild_id: int, channel_id: int | None) -> None:
        before = self._channels.pop(guild_id, None)
        for card in tuple(self.cards.values()):
            review = self.memory.reviews.get(ReviewId(card.subject_id))
            is_there = card.channel_id == before != channel_id and card.message_id is not None
            if is_there and review is not None and review.is_open:
                self.cards[card.subject_id] = replace(card, shown_version=NEVER_SHOWN)
        if channel_id is not None:
            self._channels[guild_id] = channel_id

    async def stale(self, limit: int) -> list[tuple[Review, Card | None]]:
        found: list[tuple[Review, Card | None]] = []
        for review in self.memory.reviews.values():
            card = self.cards.get(review.id)
            if (card is None and review.is_open) or (card and card.shown_version < review.version):
                found.append((review, card))
        return sorted(found, key=lambda pair: (pair[0].opened_at, pair[0].id))[:limit]

    async def claim(self, card: Card) -> Card:
        return self.cards.setdefault(card.subject_id, card)

    async def mark_shown(self, card: Card) -> None:
        old = self.cards.get(card.subject_id)
        if old is not None and card.shown_version >= old.shown_version:
            self.cards[card.subject_id] = card

    async def untold(self, limit: int, *, since: datetime) -> list[Review]:
        found = [
            review
            for review in self.memory.reviews.values()
            if review.kind is ReviewKind.HELD
            and review.decided_at is not None
            and (review.appeal or review.decided_at >= since)
            and (review.id not in self.told or self.told[review.id] != review.decided_at)
        ]
        return sorted(found, key=lambda review: (str(review.decided_at), review.id))[:limit]

    async def mark_told(self, review_id: ReviewId) -> None:
        self.told[review_id] = self.memory.reviews[review_id].decided_at

    async def to_remind(self, now: datetime, limit: int) -> list[Reminder]:
        found = []
        for review in self.memory.reviews.values():
            card = self.cards.get(review.id)
            count, at = self.reminded.get(review.id, (0, None))
            is_due = at is None or at <= now - REMINDED_EVERY
            if _is_overdue(review, now) and card is not None and card.message_id and is_due:
                found.append(Reminder(review=review, card=card, count=count))
        return sorted(found, key=lambda one: (one.review.opened_at, one.review.id))[:limit]

    async def mark_reminded(self, reminder: Reminder, at: datetime) -> None:
        self.reminded[reminder.review.id] = (reminder.count + 1, at)


class MemoryStandingStore:
    """The `StandingStore` in memory."""

    def __init__(self, *, memory: Memory) -> None:
        self.memory = memory

    async def get(self, account_id: AccountId) -> AccountStanding:
        return self.memory.standing(account_id)

    async def change(
        self,
        account_id: AccountId,
        edit: Callable[[AccountStanding], AccountStanding],
        *,
        record: Callable[[AccountStanding, Sequence[JobId]], AuditEntry],
        end: Callable[[Job], Change] | None = None,
    ) -> tuple[AccountStanding, tuple[JobId, ...]]:
        standing = edit(self.memory.standing(account_id))
        self.memory.standings[account_id] = standing
        ended: tuple[JobId, ...] = ()
        if end is not None and standing.is_barred:
            ended = tuple(
                job.id
                for job in self.memory.jobs.values()
                if job.request.requester.account_id == account_id and not job.is_terminal
            )
        for job_id in ended:
            self.memory.move(job_id, end)
        self.memory.audit.append(record(standing, ended))
        return standing, ended


class MemoryWithheldPictures:
    """The `WithheldPictures` in memory, read off what it says of accounts."""

    def __init__(self, *, memory: Memory) -> None:
        self.memory = memory

    async def holds(self, key: str) -> bool:
        return any(
            folder_of(own) == folder_of(key)
            for job in self.memory.jobs.values()
            if job.result and self.memory.standing(job.request.requester.account_id).is_frozen
            for image in job.result.images
            for own in image.keys.values()
        )


def make_moderators(*, memory: Memory, clock: Clock) -> Moderators:
    """Make what says who moderates now, in memory."""
    return Moderators(
        standings=MemoryStandingStore(memory=memory),
        audit=MemoryAuditLog(memory=memory),
        clock=clock,
    )


def make_standings(
    *,
    memory: Memory,
    flags: MemoryCancelFlags,
    outbox: OutboxPublisher,
    clock: Clock,
    rules: StandingRules | None = None,
) -> Standings:
    """Make the use cases around standing, in memory."""
    return Standings(
        store=MemoryStandingStore(memory=memory),
        cancel_flags=flags,
        outbox=outbox,
        moderators=make_moderators(memory=memory, clock=clock),
        clock=clock,
        rules=rules,
    )
