"""The tables. A row is what SQL keeps of a domain object; it never leaves this room."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, MetaData, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from backend.db.columns import SEQUENCE_TYPE, Document, UtcMoment, Words

# Constraints need the same names on both databases, or a later migration cannot drop them.
NAMING_CONVENTION = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class Row(SQLModel):
    """What all tables share: metadata of our own rather than the library's global one."""

    metadata = MetaData(naming_convention=NAMING_CONVENTION)


class JobRow(Row, table=True):
    """A job. The waiting line is this table, in order of `created_at`, then `sequence`."""

    __tablename__ = "jobs"
    __table_args__ = (
        UniqueConstraint("account_id", "idempotency_key"),
        Index("ix_jobs_line", "family", "tier", "state", "created_at", "sequence"),
        Index("ix_jobs_account", "account_id", "created_at", "sequence"),
        Index("ix_jobs_guild", "guild_id", "sequence"),
        Index(
            "ix_jobs_waiting",
            "account_id",
            "tier",
            sqlite_where=text("state = 'queued'"),
            postgresql_where=text("state = 'queued'"),
        ),
    )

    sequence: int | None = Field(default=None, primary_key=True, sa_type=SEQUENCE_TYPE)
    id: str = Field(sa_type=Words, unique=True)
    account_id: str = Field(sa_type=Words)
    guild_id: str | None = Field(default=None, sa_type=Words)
    idempotency_key: str | None = Field(default=None, sa_type=Words)
    fingerprint: str = Field(sa_type=Words)
    family: str = Field(sa_type=Words)
    tier: str = Field(sa_type=Words)
    state: str = Field(sa_type=Words)
    version: int
    attempt: int
    losses: int
    seed: int = Field(sa_type=BigInteger)
    created_at: datetime = Field(sa_type=UtcMoment)
    updated_at: datetime = Field(sa_type=UtcMoment)
    lease_worker: str | None = Field(default=None, sa_type=Words)
    lease_until: datetime | None = Field(default=None, sa_type=UtcMoment, index=True)
    request: dict[str, Any] = Field(sa_type=Document)
    spec: dict[str, Any] = Field(sa_type=Document)
    progress: dict[str, Any] | None = Field(default=None, sa_type=Document)
    result: dict[str, Any] | None = Field(default=None, sa_type=Document)
    block: dict[str, Any] | None = Field(default=None, sa_type=Document)
    failure: dict[str, Any] | None = Field(default=None, sa_type=Document)
    clearances: list[str] = Field(sa_type=Document)
    predicted_s: float = 0.0
    judgement: dict[str, Any] | None = Field(default=None, sa_type=Document)
    picture_judgement: dict[str, Any] | None = Field(default=None, sa_type=Document)


class JobEventRow(Row, table=True):
    """A committed fact, and with no `published_at` also the outbox."""

    __tablename__ = "job_events"
    __table_args__ = (
        Index(
            "ix_job_events_outbox",
            "sequence",
            sqlite_where=text("published_at IS NULL"),
            postgresql_where=text("published_at IS NULL"),
        ),
    )

    sequence: int | None = Field(default=None, primary_key=True, sa_type=SEQUENCE_TYPE)
    job_id: str = Field(sa_type=Words, sa_column_args=(ForeignKey("jobs.id"),), index=True)
    kind: str = Field(sa_type=Words)
    attempt: int
    at: datetime = Field(sa_type=UtcMoment)
    detail: str = Field(default="", sa_type=Words)
    published_at: datetime | None = Field(default=None, sa_type=UtcMoment)


class LedgerRow(Row, table=True):
    """An entry of the books. Triggers refuse to change or delete one (see the migration)."""

    __tablename__ = "ledger"
    __table_args__ = (
        # Charging or refunding twice is impossible rather than forbidden.
        UniqueConstraint("job_id", "kind", "stay"),
        Index("ix_ledger_account", "account_id", "kind", "gpu_ms"),
    )

    sequence: int | None = Field(default=None, primary_key=True, sa_type=SEQUENCE_TYPE)
    job_id: str = Field(sa_type=Words, sa_column_args=(ForeignKey("jobs.id"),))
    account_id: str = Field(sa_type=Words)
    kind: str = Field(sa_type=Words)
    stay: int
    gpu_ms: int = Field(sa_type=BigInteger)
    at: datetime = Field(sa_type=UtcMoment)


class ReviewRow(Row, table=True):
    """A held job, or a reported picture, before a moderator; `rule` is the block's."""

    __tablename__ = "reviews"
    __table_args__ = (
        Index("ix_reviews_open", "decision", "opened_at", "id"),
        Index("ix_reviews_rule", "kind", "rule", "decision"),
    )

    id: str = Field(primary_key=True, sa_type=Words)
    job_id: str = Field(sa_type=Words, sa_column_args=(ForeignKey("jobs.id"),), index=True)
    block: dict[str, Any] = Field(sa_type=Document)
    opened_at: datetime = Field(sa_type=UtcMoment)
    decision: str = Field(sa_type=Words)
    decided_by: str | None = Field(default=None, sa_type=Words)
    decided_at: datetime | None = Field(default=None, sa_type=UtcMoment)
    kind: str = Field(default="held", sa_type=Words)
    rule: str = Field(default="", sa_type=Words)
    picture_index: int | None = None
    words: str = Field(default="", sa_type=Words)
    voices: int = 0
    reason: str = Field(default="", sa_type=Words)
    appeal_words: str | None = Field(default=None, sa_type=Words)
    appealed_at: datetime | None = Field(default=None, sa_type=UtcMoment)
    version: int = 0


class DiscordMessageRow(Row, table=True):
    """The message in which a job is shown. No foreign key: the message may be there first."""

    __tablename__ = "discord_messages"
    __table_args__ = (Index("ix_discord_messages_unfinished", "application_id", "is_final"),)

    job_id: str = Field(primary_key=True, sa_type=Words)
    application_id: int = Field(sa_type=BigInteger)
    channel_id: int = Field(sa_type=BigInteger)
    message_id: int = Field(sa_type=BigInteger)
    guild_id: int | None = Field(default=None, sa_type=BigInteger)
    asker_id: int = Field(sa_type=BigInteger)
    token: str = Field(sa_type=Words)
    token_created_at: datetime = Field(sa_type=UtcMoment)
    is_ephemeral: bool
    shown_version: int
    is_final: bool


class FairQueueRow(Row, table=True):
    """What a family's fair queue remembers, in the form that the queue itself writes and reads."""

    __tablename__ = "fair_queues"

    family: str = Field(primary_key=True, sa_type=Words)
    document: dict[str, Any] = Field(sa_type=Document)
    updated_at: datetime = Field(sa_type=UtcMoment)


class ApiKeyRow(Row, table=True):
    """An API key; only the digest of the secret is known."""

    __tablename__ = "api_keys"

    id: str = Field(primary_key=True, sa_type=Words)
    account_id: str = Field(sa_type=Words, index=True)
    name: str = Field(sa_type=Words)
    digest: str = Field(sa_type=Words, unique=True)
    created_at: datetime = Field(sa_type=UtcMoment)
    revoked_at: datetime | None = Field(default=None, sa_type=UtcMoment)
    is_moderator: bool = False


class PreferenceRow(Row, table=True):
    """What an account saves for its prompts."""

    __tablename__ = "preferences"

    account_id: str = Field(primary_key=True, sa_type=Words)
    document: dict[str, Any] = Field(sa_type=Document)
    updated_at: datetime = Field(sa_type=UtcMoment)


class UploadRow(Row, table=True):
    """A picture that somebody gave us; the object store has its bytes."""

    __tablename__ = "uploads"
    __table_args__ = (Index("ix_uploads_account", "account_id", "expires_at"),)

    id: str = Field(primary_key=True, sa_type=Words)
    account_id: str = Field(sa_type=Words)
    key: str = Field(sa_type=Words)
    width: int
    height: int
    size_bytes: int
    created_at: datetime = Field(sa_type=UtcMoment)
    expires_at: datetime = Field(sa_type=UtcMoment, index=True)
    judgement: dict[str, Any] | None = Field(default=None, sa_type=Document)


class GuildPolicyRow(Row, table=True):
    """What a guild's policy was from a moment on. Triggers refuse to change or delete one."""

    __tablename__ = "guild_policies"

    guild_id: str = Field(primary_key=True, sa_type=Words)
    version: int = Field(primary_key=True)
    document: str | None = Field(default=None, sa_type=Words)
    author: str = Field(sa_type=Words)
    at: datetime = Field(sa_type=UtcMoment)
