"""The tables of the audit log; like all rows, these never leave this room."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Index
from sqlmodel import Field

from backend.db.columns import SEQUENCE_TYPE, Document, UtcMoment, Words
from backend.db.tables import Row


class AuditEntryRow(Row, table=True):
    """A decision on record. Triggers refuse to change or delete one (see the migration)."""

    __tablename__ = "audit_entries"
    __table_args__ = (Index("ix_audit_entries_kind", "action", "subject", "number"),)

    # Counted by ourselves, so that a gap is a missing entry and not one rolled back.
    number: int = Field(primary_key=True, sa_type=SEQUENCE_TYPE)
    at: datetime = Field(sa_type=UtcMoment)
    action: str = Field(sa_type=Words)
    actor: str = Field(sa_type=Words)
    subject: str = Field(sa_type=Words)
    outcome: str = Field(sa_type=Words)
    detail: dict[str, Any] = Field(sa_type=Document)
    hash: str = Field(sa_type=Words)


class AuditTipRow(Row, table=True):
    """The end of the audit log's chain, one row: whoever appends locks it."""

    __tablename__ = "audit_tip"

    id: int = Field(primary_key=True)
    entries: int = Field(sa_type=BigInteger)
    hash: str = Field(sa_type=Words)


class AuditHeadRow(Row, table=True):
    """A signed word on how many entries there were. Nobody changes or deletes one either."""

    __tablename__ = "audit_heads"
    __table_args__ = (Index("ix_audit_heads_entries", "entries", "sequence"),)

    sequence: int | None = Field(default=None, primary_key=True, sa_type=SEQUENCE_TYPE)
    entries: int = Field(sa_type=BigInteger)
    hash: str = Field(sa_type=Words)
    at: datetime = Field(sa_type=UtcMoment)
    key_id: str = Field(sa_type=Words)
    signature: str = Field(sa_type=Words)
