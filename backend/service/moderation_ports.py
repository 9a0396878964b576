"""What moderation needs from outside, as Protocols; `tests/fakes/` holds a twin of each."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Protocol

from backend.domain.jobs import Change, Job
from backend.domain.requests import AccountId, JobId
from backend.domain.reviews import Backlog, Review, ReviewId, ReviewKind, RulePrecision
from backend.domain.standing import AccountStanding
from safety.moderation.audit import AuditEntry


class StandingStore(Protocol):
    """What was decided of accounts.

    `JobStore.add` reads it too, in the transaction that adds: it refuses whoever may not ask.
    """

    async def get(self, account_id: AccountId) -> AccountStanding:
        """Return an account's standing; a clean one, if nothing was ever decided."""

    async def change(
        self,
        account_id: AccountId,
        edit: Callable[[AccountStanding], AccountStanding],
        *,
        record: Callable[[AccountStanding, Sequence[JobId]], AuditEntry],
        end: Callable[[Job], Change] | None = None,
    ) -> tuple[AccountStanding, tuple[JobId, ...]]:
        """Store what `edit` makes of a standing; if that bars the account, `end` its open jobs.

        In one transaction, in which the account adds no job: none slips through between. Return
        the ids of the jobs that were ended, queued and rendering ones. What `record` makes of both
        goes on record. While it is frozen all that the account had drawn is withheld.
        """


class WithheldPictures(Protocol):
    """Pictures that nobody is shown, since their account is frozen; `StandingStore` writes it."""

    async def holds(self, key: str) -> bool:
        """Say whether the file under this key is one of such a picture."""


@dataclass(frozen=True, kw_only=True)
class Complaint:
    """That a member reported one picture of a job, or anybody asked for its removal, and why."""

    account_id: AccountId
    job_id: JobId
    picture_index: int
    words: str
    at: datetime
    is_request: bool = False

    @property
    def kind(self) -> ReviewKind:
        """What a moderator is to decide of it."""
        return ReviewKind.REQUEST if self.is_request else ReviewKind.REPORT


class ReviewStore(Protocol):
    """What lies before moderators. `JobStore` opens a review with every job it holds."""

    async def get(self, review_id: ReviewId) -> Review | None:
        """Return the review, or None."""

    async def open_reviews(self, limit: int) -> list[Review]:
        """Return open reviews: appeals first, by when they are due, then oldest first."""

    async def of_job(self, job_id: JobId) -> list[Review]:
        """Return a job's reviews, newest first."""

    async def decide(
        self,
        review_id: ReviewId,
        decide: Callable[[Review], Review],
        move: Callable[[Job], Change] | None,
    ) -> tuple[Review, Job] | None:
        """Store a changed review and, with `move`, the job's transition, together; None if unknown.

        Whatever either function raises is passed on, and nothing is stored.

        Raises:
            DecisionImpossible: the job is to move, and its owner is banned or frozen.

        """

    async def complain(self, complaint: Complaint, *, most_since: tuple[int, datetime]) -> Review:
        """Add a report to the picture's open review, or to a new one.

        However many processes add at once, no member has more than so many since that moment.

        Raises:
            ReportRepeated: this member has reported this picture.
            TooManyReports: they have reported as many as may be.

        """

    async def rules(self) -> list[RulePrecision]:
        """Count what became of all that was held, by rule."""

    async def backlog(self, now: datetime) -> list[Backlog]:
        """Count what is open, and what of it should have been answered: one of each kind."""


NEVER_SHOWN: Final = -1


@dataclass(frozen=True, kw_only=True)
class Card:
    """Where something to be decided is shown; `message_id` is None while it is being posted."""

    subject_id: str
    channel_id: int
    message_id: int | None = None
    shown_version: int = NEVER_SHOWN


@dataclass(frozen=True, kw_only=True)
class Reminder:
    """That an answer is overdue; `count` is how many times moderators were told so before."""

    review: Review
    card: Card
    count: int = 0


class CardStore(Protocol):
    """The messages in moderator channels, and which channels those are."""

    async def channels(self) -> dict[int, int]:
        """Return each guild's moderator channel, by guild."""

    async def set_channel(self, guild_id: int, channel_id: int | None) -> None:
        """Set a guild's moderator channel, or none.

        Cards of what is open that lie in the one before are `stale` from then on.
        """

    async def stale(self, limit: int) -> list[tuple[Review, Card | None]]:
        """Return reviews whose card shows less than is true, and open ones without a card."""

    async def claim(self, card: Card) -> Card:
        """Note that a card is about to be posted; return the one that was noted first."""

    async def mark_shown(self, card: Card) -> None:
        """Record where a card is and what it shows."""

    async def untold(self, limit: int, *, since: datetime) -> list[Review]:
        """Return decisions about held jobs whose asker has not been told of them.

        Those since then, and of answered appeals however old ones. Each decision is told: the
        answer to an appeal as well as what was appealed against.
        """

    async def mark_told(self, review_id: ReviewId) -> None:
        """Record that the asker was told of the newest decision."""

    async def to_remind(self, now: datetime, limit: int) -> list[Reminder]:
        """Return what should have been answered, has a card, and was not reminded of for a day."""

    async def mark_reminded(self, reminder: Reminder, at: datetime) -> None:
        """Record that moderators were reminded."""
