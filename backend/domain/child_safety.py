"""What is kept of a child safety finding: facts for a report, never words, never a picture.

Nothing is sent by itself: who runs the deployment reports, and says so here.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from backend.domain.requests import AccountId

CHILD_SAFETY = "child_safety"
# For so long what was reported is kept.
PRESERVED_FOR = timedelta(days=365)


class SafetyReportState(StrEnum):
    """Where a report stands."""

    TO_REPORT = "to_report"
    REPORTED = "reported"


class Basis(StrEnum):
    """What a finding rests on: how sure it is, and so who may say that it was wrong."""

    LIST = "list"
    ESTIMATE = "estimate"


@dataclass(frozen=True, kw_only=True)
class SafetyReport:
    """One finding; its `id` is that of the job, or of the attempt to upload, that it is of.

    `list_name`, `entry` and `distance` tell of a copy of a listed picture, `fingerprint` is the
    picture's own. `evidence` are the keys of the sealed pictures. What is preserved is neither
    deleted for its owner nor by age. One that was `released` was wrong, as `released_by` found.
    """

    id: str
    account_id: AccountId
    found_at: datetime
    rule: str
    score: float | None = None
    list_name: str = ""
    entry: str = ""
    distance: int | None = None
    fingerprint: str = ""
    sha256: str = ""
    evidence: tuple[str, ...] = ()
    state: SafetyReportState = SafetyReportState.TO_REPORT
    reported_as: str = ""
    reported_at: datetime | None = None
    preserved_until: datetime | None = None
    released_by: str = ""
    released_at: datetime | None = None
    release_reason: str = ""

    @property
    def basis(self) -> Basis:
        """What it rests on."""
        return Basis.LIST if self.list_name else Basis.ESTIMATE

    @property
    def is_released(self) -> bool:
        """Whether somebody who may found it wrong: it freezes nobody any more."""
        return self.released_at is not None

    def released(self, *, by: str, reason: str, now: datetime) -> "SafetyReport":
        """Note that it was wrong; a second time changes nothing. What was reported stays so."""
        if self.is_released:
            return self
        return replace(self, released_by=by, released_at=now, release_reason=reason)

    def reported(self, reported_as: str, *, now: datetime) -> "SafetyReport":
        """Note under which number it was reported; a second time changes nothing."""
        if self.state is SafetyReportState.REPORTED:
            return self
        return replace(
            self,
            state=SafetyReportState.REPORTED,
            reported_as=reported_as,
            reported_at=now,
            preserved_until=now + PRESERVED_FOR,
        )
