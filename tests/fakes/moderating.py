"""What members and moderators do, over the twins of what moderation keeps."""

from collections.abc import Sequence
from dataclasses import dataclass

from backend.delivery.listed_pictures import VettedPictures
from backend.delivery.removals import StoredFiles
from backend.delivery.watched_lists import WatchedLists
from backend.domain.requests import AccountId
from backend.limits.memory_limiter import MemoryLimiter
from backend.service.appeals import Appeals
from backend.service.child_safety import ChildSafety
from backend.service.likenesses import Likenesses
from backend.service.look_alikes import LookAlikes
from backend.service.looking import ReviewPictures
from backend.service.moderation_ports import ReviewStore
from backend.service.moderators import Moderators
from backend.service.ports import Clock, JobStore, MessageStore, OutboxPublisher, Pictures, Previews
from backend.service.removal_ports import PictureFiles
from backend.service.removal_requests import RemovalRequests
from backend.service.removals import Removals
from backend.service.reviews import Reviews
from backend.service.safety_reports import SafetyReports
from backend.service.services import Moderation
from backend.service.standings import Standings
from safety.hash_list import HashList
from storage.image_store import ImageStore
from storage.object_store import ObjectStore
from tests.fakes.audit import MemoryAuditLog
from tests.fakes.child_safety import MemorySafetyReportStore
from tests.fakes.moderation import (
    MemoryCardStore,
    MemoryReviewStore,
    MemoryStandingStore,
    make_moderators,
)
from tests.fakes.pictures import MemoryPictureStore
from tests.fakes.removals import MemoryRemovalStore
from tests.fakes.stores import Memory

# Who may, beside the operator, find an estimate of child safety wrong in tests.
SAFETY_REVIEWER = AccountId("api:safety-reviewer")


def make_moderation(
    *,
    memory: Memory,
    jobs: JobStore,
    standings: Standings,
    outbox: OutboxPublisher,
    clock: Clock,
    messages: MessageStore,
    files: PictureFiles,
    pictures: Pictures,
    previews: Previews,
    reviews: ReviewStore | None = None,
    hash_lists: Sequence[HashList] = (),
) -> Moderation:
    """Make what members and moderators do, in memory."""
    cards = MemoryCardStore(memory=memory)
    office = _Office(
        memory=memory,
        jobs=jobs,
        standings=standings,
        reviews=reviews or MemoryReviewStore(memory=memory),
        cards=cards,
        files=files,
        store=MemoryRemovalStore(memory=memory, cards=cards.cards),
        likenesses=Likenesses(pictures=MemoryPictureStore(memory=memory)),
        reports=MemorySafetyReportStore(memory=memory),
        audit=MemoryAuditLog(memory=memory),
        moderators=make_moderators(memory=memory, clock=clock),
        clock=clock,
    )
    removals = office.removals(messages, previews)
    return Moderation(
        standings=standings,
        reviews=office.decisions(removals, outbox),
        appeals=Appeals(reviews=office.reviews, jobs=jobs, clock=clock),
        cards=cards,
        removals=removals,
        requests=office.requests(hash_lists),
        safety=office.safety(),
        lists=WatchedLists(open_lists=lambda: hash_lists),
        looking=office.looking(pictures),
    )


def make_files(objects: ObjectStore, *, clock: Clock) -> StoredFiles:
    """Make what takes stored files away."""
    return StoredFiles(objects=objects, images=ImageStore(objects=objects), clock=clock)


@dataclass(frozen=True, kw_only=True)
class _Office:
    """What several use cases of moderation share, and the use cases over it."""

    memory: Memory
    jobs: JobStore
    standings: Standings
    reviews: ReviewStore
    cards: MemoryCardStore
    files: PictureFiles
    store: MemoryRemovalStore
    likenesses: Likenesses
    reports: MemorySafetyReportStore
    audit: MemoryAuditLog
    moderators: Moderators
    clock: Clock

    def removals(self, messages: MessageStore, previews: Previews) -> Removals:
        return Removals(
            store=self.store,
            jobs=self.jobs,
            messages=messages,
            files=self.files,
            previews=previews,
            moderators=self.moderators,
            look_alikes=LookAlikes(
                likenesses=self.likenesses,
                reviews=self.reviews,
                jobs=self.jobs,
                files=self.files,
                clock=self.clock,
            ),
            clock=self.clock,
        )

    def decisions(self, removals: Removals, outbox: OutboxPublisher) -> Reviews:
        return Reviews(
            reviews=self.reviews,
            jobs=self.jobs,
            cards=self.cards,
            removals=removals,
            standings=self.standings,
            moderators=self.moderators,
            outbox=outbox,
            audit=self.audit,
            clock=self.clock,
        )

    def requests(self, hash_lists: Sequence[HashList]) -> RemovalRequests:
        return RemovalRequests(
            store=self.store,
            reviews=self.reviews,
            jobs=self.jobs,
            files=self.files,
            moderators=self.moderators,
            likenesses=self.likenesses,
            limiter=MemoryLimiter(burst=5, per_minute=1, clock=lambda: self.clock().timestamp()),
            listed=VettedPictures(open_lists=lambda: hash_lists),
            child_safety=ChildSafety(
                store=self.reports, standings=self.standings, audit=self.audit, clock=self.clock
            ),
            audit=self.audit,
            clock=self.clock,
        )

    def safety(self) -> SafetyReports:
        return SafetyReports(
            store=self.reports,
            standings=MemoryStandingStore(memory=self.memory),
            audit=self.audit,
            moderators=self.moderators,
            clock=self.clock,
            reviewers=[SAFETY_REVIEWER],
        )

    def looking(self, pictures: Pictures) -> ReviewPictures:
        return ReviewPictures(
            reviews=self.reviews,
            jobs=self.jobs,
            pictures=pictures,
            standings=self.standings,
            moderators=self.moderators,
            audit=self.audit,
            clock=self.clock,
        )
