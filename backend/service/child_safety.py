"""The child safety workflow: a report on file, the account frozen, its other work ended."""

from collections.abc import Callable
from typing import Protocol

from backend.domain.child_safety import SafetyReport
from backend.domain.errors import BadInput
from backend.domain.requests import AccountId
from backend.domain.standing import HOUSE
from backend.service.ports import AuditLog, Clock
from safety.moderation.audit import AuditEntry

FREEZE_REASON = "child_safety"


class SafetyReportStore(Protocol):
    """Child safety reports, by id."""

    async def add(self, report: SafetyReport) -> bool:
        """Store a report; False, and nothing changes, if there is one of its id."""

    async def get(self, report_id: str) -> SafetyReport | None:
        """Return a report, or None."""

    async def all(self) -> list[SafetyReport]:
        """Return all reports, oldest first."""

    async def change(
        self, report_id: str, edit: Callable[[SafetyReport], SafetyReport]
    ) -> SafetyReport | None:
        """Store what `edit` makes of a report, in one transaction; None if there is none."""


class Freezer(Protocol):
    """Freezes accounts."""

    async def freeze(self, account_id: AccountId, reason: str) -> object:
        """Keep an account from asking, and end all it has open."""


class ChildSafety:
    """What follows a child safety finding; it may be done again without harm."""

    def __init__(self, *, store: SafetyReportStore, standings: Freezer, audit: AuditLog) -> None:
        self._store = store
        self._standings = standings
        self._audit = audit

    async def open(self, report: SafetyReport) -> None:
        """Put a finding on file and freeze the account.

        Raises:
            Unavailable: the audit log cannot be written, so nothing may be decided.

        """
        if await self._store.get(report.id) is None:
            await self._audit.record(_entry("child_safety.found", HOUSE, report, "to_report"))
            await self._store.add(report)
        await self._standings.freeze(report.account_id, FREEZE_REASON)


class SafetyReports:
    """What is on file, for who runs the deployment; `by` is who looks or decides."""

    def __init__(self, *, store: SafetyReportStore, audit: AuditLog, clock: Clock) -> None:
        self._store = store
        self._audit = audit
        self._clock = clock

    async def all(self) -> list[SafetyReport]:
        """Return all reports, oldest first."""
        return await self._store.all()

    async def get(self, report_id: str, *, by: str) -> SafetyReport:
        """Return one report; that it was looked at goes on record.

        Raises:
            BadInput: there is none of this id.

        """
        report = await self._store.get(report_id)
        if report is None:
            raise _none(report_id)
        await self._audit.record(_entry("child_safety.seen", by, report, report.state))
        return report

    async def mark_reported(self, report_id: str, reported_as: str, *, by: str) -> SafetyReport:
        """Note that a finding was reported, and preserve it for a year from now.

        Raises:
            BadInput: there is none of this id.

        """
        report = await self._store.get(report_id)
        if report is None:
            raise _none(report_id)
        await self._audit.record(_entry("child_safety.reported", by, report, "reported"))
        now = self._clock()
        changed = await self._store.change(
            report_id, lambda old: old.reported(reported_as, now=now)
        )
        return changed or report


def _none(report_id: str) -> BadInput:
    return BadInput(f"There is no report {report_id[:80]}.", way_out="See impasto reports list.")


def _entry(action: str, by: str, report: SafetyReport, outcome: str) -> AuditEntry:
    detail = {"account": report.account_id, "rule": report.rule}
    if report.list_name:
        detail |= {"list": report.list_name, "distance": str(report.distance)}
    return AuditEntry(
        action=action,
        actor=by,
        subject=f"job:{report.id}",
        outcome=outcome,
        detail=detail,
    )
