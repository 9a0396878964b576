"""What lies before a moderator: a held job, or a delivered picture that members reported."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from math import sqrt
from typing import NewType

from backend.domain.errors import AppealImpossible, AppealRepeated, ReviewNotFound
from backend.domain.jobs import Block, Job
from backend.domain.removals import REQUEST_ANSWERED_WITHIN
from backend.domain.requests import AccountId, JobId

ReviewId = NewType("ReviewId", str)

# No moderator may release these, and nobody appeals against them.
NEVER_RELEASED = frozenset({"child_safety"})
# A person answers within this time.
APPEAL_ANSWERED_WITHIN = timedelta(hours=72)
# Who has not answered by then is reminded, and again each day.
REMINDED_EVERY = timedelta(days=1)
APPEAL_WORDS_MAX = 1000
REPORT_WORDS_MAX = 1000


class ReviewKind(StrEnum):
    """What is to be decided."""

    HELD = "held"
    REPORT = "report"
    REQUEST = "request"  # for removal, by anybody


class Decision(StrEnum):
    """What a moderator decided."""

    OPEN = "open"
    RELEASED = "released"  # of a held job: it is drawn after all
    KEPT = "kept"  # of a held job: it stays held
    DISMISSED = "dismissed"  # of a report: the picture stays
    REMOVED = "removed"  # the picture is removed everywhere


@dataclass(frozen=True, kw_only=True)
class Appeal:
    """The one time that somebody asks for a second look, in their own words."""

    words: str
    at: datetime

    @property
    def due_at(self) -> datetime:
        """When it is to be answered by."""
        return self.at + APPEAL_ANSWERED_WITHIN


@dataclass(frozen=True, kw_only=True)
class Review:
    """One thing waiting for, or having had, a moderator's decision.

    `version` grows with every change. Of a report, `picture_index` is the picture, `words` what the
    newest reporter said and `voices` how many there are; who they are is not told.
    """

    id: ReviewId
    job_id: JobId
    block: Block
    opened_at: datetime
    kind: ReviewKind = ReviewKind.HELD
    picture_index: int | None = None
    words: str = ""
    voices: int = 0
    decision: Decision = Decision.OPEN
    decided_by: AccountId | None = None
    decided_at: datetime | None = None
    reason: str = ""
    appeal: Appeal | None = None
    version: int = 0

    @property
    def due_at(self) -> datetime | None:
        """When somebody is to have answered, None where nobody was promised that."""
        if self.appeal is not None:
            return self.appeal.due_at
        is_promised = self.kind is ReviewKind.REQUEST
        return self.opened_at + REQUEST_ANSWERED_WITHIN if is_promised else None

    @property
    def turn(self) -> tuple[bool, datetime, str]:
        """What comes first has the least: who was promised an answer by when, then the oldest."""
        due_at = self.due_at
        return due_at is None, due_at or self.opened_at, self.id

    @property
    def is_open(self) -> bool:
        """Whether somebody has still to decide."""
        return self.decision is Decision.OPEN

    @property
    def may_be_seen(self) -> bool:
        """Whether a moderator may look at a picture of it: never what is held for child safety."""
        return self.picture_index is not None and self.block.category not in NEVER_RELEASED

    @property
    def is_releasable(self) -> bool:
        """Whether a moderator may release the job at all."""
        return self.kind is ReviewKind.HELD and self.block.category not in NEVER_RELEASED

    def decided(
        self, decision: Decision, *, by: AccountId, now: datetime, reason: str = ""
    ) -> "Review":
        """Close the review.

        Raises:
            ReviewNotFound: somebody was faster.

        """
        if not self.is_open:
            raise ReviewNotFound
        return replace(
            self,
            decision=decision,
            decided_by=by,
            decided_at=now,
            reason=reason,
            version=self.version + 1,
        )

    def appealed(self, words: str, *, now: datetime) -> "Review":
        """Ask for a second look; a review that was closed is open again.

        Raises:
            AppealImpossible: nobody appeals against this.
            AppealRepeated: somebody has.

        """
        if not self.is_releasable or self.decision is Decision.RELEASED:
            raise AppealImpossible
        if self.appeal is not None:
            raise AppealRepeated(due_at=self.appeal.due_at if self.is_open else None)
        return replace(
            self,
            appeal=Appeal(words=words[:APPEAL_WORDS_MAX], at=now),
            decision=Decision.OPEN,
            decided_by=None,
            decided_at=None,
            reason="",
            version=self.version + 1,
        )

    def joined(self, words: str) -> "Review":
        """Add the voice of one more reporter."""
        return replace(
            self, words=words or self.words, voices=self.voices + 1, version=self.version + 1
        )


def is_own(review: Review, job: Job) -> bool:
    """Say whether who decided is who asked for the job that it is about."""
    return review.decided_by == job.request.requester.account_id


class BacklogKind(StrEnum):
    """What moderators have before them; an appeal is one whatever it is against."""

    APPEAL = "appeal"
    REQUEST = "request"
    REPORT = "report"
    HELD = "held"


@dataclass(frozen=True, kw_only=True)
class Backlog:
    """How much of one kind waits for moderators.

    `overdue` ones should have been answered; only appeals and requests have such a moment.
    `oldest_s` is how many seconds the first of them has waited, 0 if none does.
    """

    kind: BacklogKind
    open: int = 0
    overdue: int = 0
    oldest_s: float = 0.0


# Of a normal distribution 95 % lie within so many standard deviations.
_SURE: float = 1.959964


@dataclass(frozen=True, kw_only=True)
class RulePrecision:
    """What became of all that one rule held."""

    stage: str
    category: str
    rule: str
    held: int
    open: int
    overturned: int
    upheld: int
    appealed: int

    @property
    def precision(self) -> float | None:
        """The share of decided ones that moderators upheld, None while there are none."""
        decided = self.overturned + self.upheld
        return self.upheld / decided if decided else None

    @property
    def interval(self) -> tuple[float, float] | None:
        """Where the precision lies with 95 % certainty (Wilson), None while nothing is decided."""
        decided = self.overturned + self.upheld
        if not decided:
            return None
        share, square = self.upheld / decided, _SURE**2
        middle = share + square / (2 * decided)
        half = _SURE * sqrt(share * (1 - share) / decided + square / (4 * decided**2))
        whole = 1 + square / decided
        return max(0.0, (middle - half) / whole), min(1.0, (middle + half) / whole)

    def as_document(self) -> dict[str, object]:
        """Return what is told of it as JSON; shares are from 0 to 1, None while undecided."""
        interval = self.interval
        told = {"precision": self.precision, "interval": interval and list(interval)}
        return {**vars(self), **told}
