"""The tables of moderation; like all rows, these never leave this room."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, UniqueConstraint
from sqlmodel import Field

from backend.db.columns import SEQUENCE_TYPE, Document, UtcMoment, Words
from backend.db.tables import Row


class StandingRow(Row, table=True):
    """What was decided of an account."""

    __tablename__ = "standings"

    account_id: str = Field(primary_key=True, sa_type=Words)
    document: dict[str, Any] = Field(sa_type=Document)
    updated_at: datetime = Field(sa_type=UtcMoment)


class WithheldPictureRow(Row, table=True):
    """A picture that nobody is shown while its account is frozen, by where its files lie."""

    __tablename__ = "withheld_pictures"

    folder: str = Field(primary_key=True, sa_type=Words)
    account_id: str = Field(primary_key=True, sa_type=Words, index=True)


class ComplaintRow(Row, table=True):
    """That a member reported a picture."""

    __tablename__ = "complaints"
    __table_args__ = (
        UniqueConstraint("account_id", "job_id", "picture_index"),
        Index("ix_complaints_account", "account_id", "at"),
    )

    sequence: int | None = Field(default=None, primary_key=True, sa_type=SEQUENCE_TYPE)
    review_id: str = Field(sa_type=Words, sa_column_args=(ForeignKey("reviews.id"),))
    account_id: str = Field(sa_type=Words)
    job_id: str = Field(sa_type=Words)
    picture_index: int
    words: str = Field(default="", sa_type=Words)
    at: datetime = Field(sa_type=UtcMoment)


class CardRow(Row, table=True):
    """The message in a moderator channel that shows something to be decided.

    `message_id` is null from the moment a process begins to post it until it knows where it is.
    """

    __tablename__ = "cards"

    subject_id: str = Field(primary_key=True, sa_type=Words)
    channel_id: int = Field(sa_type=BigInteger)
    message_id: int | None = Field(default=None, sa_type=BigInteger)
    shown_version: int = -1
    claimed_at: datetime = Field(sa_type=UtcMoment)


class ModeratorChannelRow(Row, table=True):
    """The channel of a guild in which its moderators see cards."""

    __tablename__ = "moderator_channels"

    guild_id: int = Field(primary_key=True, sa_type=BigInteger)
    channel_id: int = Field(sa_type=BigInteger)
    updated_at: datetime = Field(sa_type=UtcMoment)


class NoticeRow(Row, table=True):
    """That somebody was told how their appeal was answered."""

    __tablename__ = "notices"

    review_id: str = Field(
        primary_key=True, sa_type=Words, sa_column_args=(ForeignKey("reviews.id"),)
    )
    at: datetime = Field(sa_type=UtcMoment)


class ReminderRow(Row, table=True):
    """That moderators were reminded of what they should have answered: when last, and how often."""

    __tablename__ = "reminders"

    review_id: str = Field(
        primary_key=True, sa_type=Words, sa_column_args=(ForeignKey("reviews.id"),)
    )
    at: datetime = Field(sa_type=UtcMoment)
    count: int


class PictureMessageRow(Row, table=True):
    """A message in which pictures of a job were posted, beside the one that shows the job."""

    __tablename__ = "picture_messages"

    channel_id: int = Field(primary_key=True, sa_type=BigInteger)
    message_id: int = Field(primary_key=True, sa_type=BigInteger)
    job_id: str = Field(sa_type=Words, index=True)


class RemovalRow(Row, table=True):
    """That one picture is to be removed everywhere."""

    __tablename__ = "removals"
    __table_args__ = (UniqueConstraint("job_id", "picture_index"),)

    id: str = Field(primary_key=True, sa_type=Words)
    job_id: str = Field(sa_type=Words, sa_column_args=(ForeignKey("jobs.id"),))
    picture_index: int
    by: str = Field(sa_type=Words)
    reason: str = Field(sa_type=Words)
    at: datetime = Field(sa_type=UtcMoment)


class RemovalPlaceRow(Row, table=True):
    """One place of a removal, and once it is gone from there the proof."""

    __tablename__ = "removal_places"
    __table_args__ = (Index("ix_removal_places_unconfirmed", "confirmed_at", "removal_id"),)

    removal_id: str = Field(
        primary_key=True, sa_type=Words, sa_column_args=(ForeignKey("removals.id"),)
    )
    kind: str = Field(primary_key=True, sa_type=Words)
    name: str = Field(primary_key=True, sa_type=Words)
    confirmed_at: datetime | None = Field(default=None, sa_type=UtcMoment)
    proof: str = Field(default="", sa_type=Words)


class RemovalRequestRow(Row, table=True):
    """That somebody asks for a picture to be removed; of the picture only hashes are kept."""

    __tablename__ = "removal_requests"

    id: str = Field(primary_key=True, sa_type=Words)
    token_digest: str = Field(sa_type=Words, unique=True)
    words: str = Field(sa_type=Words)
    contact: str = Field(sa_type=Words)
    sha256: str = Field(sa_type=Words)
    fingerprint: str = Field(sa_type=Words)
    at: datetime = Field(sa_type=UtcMoment, index=True)
    review_ids: list[str] = Field(sa_type=Document)
