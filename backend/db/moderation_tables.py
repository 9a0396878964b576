"""The tables of moderation; like all rows, these never leave this room."""

from datetime import datetime
from typing import Any

from sqlmodel import Field

from backend.db.columns import Document, UtcMoment, Words
from backend.db.tables import Row


class StandingRow(Row, table=True):
    """What was decided of an account."""

    __tablename__ = "standings"

    account_id: str = Field(primary_key=True, sa_type=Words)
    document: dict[str, Any] = Field(sa_type=Document)
    updated_at: datetime = Field(sa_type=UtcMoment)
