"""Facts about a job that others may hear of."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from backend.domain.requests import JobId


class JobEventKind(StrEnum):
    """What happened. Every kind but PROGRESS and PREVIEW is a committed transition."""

    QUEUED = "queued"
    DISPATCHED = "dispatched"
    STARTED = "started"
    PROGRESS = "progress"
    PREVIEW = "preview"
    RETURNED = "returned"
    DELIVERED = "delivered"
    BLOCKED = "blocked"
    RELEASED = "released"
    FAILED = "failed"
    CANCELLED = "cancelled"


@dataclass(frozen=True, kw_only=True)
class JobEvent:
    """One fact about a job. `detail` is a short stable word or number, never a prompt."""

    job_id: JobId
    kind: JobEventKind
    attempt: int
    at: datetime
    detail: str = ""
