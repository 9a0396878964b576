"""A held job before a moderator."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NewType

from backend.domain.jobs import Block
from backend.domain.requests import AccountId, JobId

ReviewId = NewType("ReviewId", str)

# No moderator may release these.
NEVER_RELEASED = frozenset({"child_safety"})


class Decision(StrEnum):
    """What a moderator decided."""

    OPEN = "open"
    RELEASED = "released"
    KEPT = "kept"


@dataclass(frozen=True, kw_only=True)
class Review:
    """One held job waiting for, or having had, a moderator's decision."""

    id: ReviewId
    job_id: JobId
    block: Block
    opened_at: datetime
    decision: Decision = Decision.OPEN
    decided_by: AccountId | None = None
    decided_at: datetime | None = None

    @property
    def is_releasable(self) -> bool:
        """Whether a moderator may release the job at all."""
        return self.block.category not in NEVER_RELEASED
