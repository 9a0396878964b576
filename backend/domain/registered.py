"""Delivered pictures as the registry knows them again."""

from dataclasses import dataclass
from datetime import datetime

from backend.domain.requests import JobId


@dataclass(frozen=True, kw_only=True)
class RegisteredPicture:
    """A delivered picture: what its watermark says, whose job it was, and its fingerprint.

    `sequence` grows with delivery. `fingerprint` is 64 hexadecimal digits, "" where none was taken.
    """

    sequence: int
    registry_id: int
    job_id: JobId
    index: int
    fingerprint: str
    fingerprint_quality: int
    delivered_at: datetime
