"""The registry of delivered pictures; like all rows, these never leave this room."""

from datetime import datetime

from sqlalchemy import BigInteger, ForeignKey, UniqueConstraint
from sqlmodel import Field

from backend.db.columns import SEQUENCE_TYPE, UtcMoment, Words
from backend.db.tables import Row


class PictureRow(Row, table=True):
    """A delivered picture. 48 bits may be shared by two of many millions, so they are no key."""

    __tablename__ = "pictures"
    __table_args__ = (UniqueConstraint("job_id", "image_index"),)

    sequence: int | None = Field(default=None, primary_key=True, sa_type=SEQUENCE_TYPE)
    registry_id: int = Field(sa_type=BigInteger, index=True)
    job_id: str = Field(sa_type=Words, sa_column_args=(ForeignKey("jobs.id"),))
    image_index: int
    fingerprint: str = Field(default="", sa_type=Words)
    fingerprint_quality: int = 0
    delivered_at: datetime = Field(sa_type=UtcMoment)


class PictureFileRow(Row, table=True):
    """A file in which a picture left, by the SHA-256 of its bytes."""

    __tablename__ = "picture_files"

    job_id: str = Field(primary_key=True, sa_type=Words, sa_column_args=(ForeignKey("jobs.id"),))
    image_index: int = Field(primary_key=True)
    variant: str = Field(primary_key=True, sa_type=Words)
    sha256: str = Field(sa_type=Words, index=True)
