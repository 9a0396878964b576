"""The child safety workflow: a report on file, the account frozen, its other work ended."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Protocol

from backend.domain.child_safety import (
    FreezeRules,
    SafetyReport,
    is_held_for_words,
    must_freeze,
)
from backend.domain.errors import PictureBlocked
from backend.domain.jobs import Job
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

    async def of_account(self, account_id: AccountId) -> list[SafetyReport]:
        """Return an account's reports, oldest first."""

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

    def __init__(
        self,
        *,
        store: SafetyReportStore,
        standings: Freezer,
        audit: AuditLog,
        clock: Clock,
        rules: FreezeRules | None = None,
    ) -> None:
        self._store = store
        self._standings = standings
        self._audit = audit
        self._clock = clock
        self._rules = rules or FreezeRules()

    async def heed(self, jobs: Iterable[Job]) -> None:
        """Freeze the account of new jobs whose words are, with others before, one prompt too many.

        That words were held is on file already: `JobStore` put it there with the jobs.
        """
        held = next((job for job in jobs if is_held_for_words(job)), None)
        if held is None:
            return
        account_id = held.request.requester.account_id
        reports = await self._store.of_account(account_id)
        if must_freeze(reports, self._rules, now=self._clock()):
            await self._standings.freeze(account_id, FREEZE_REASON)

    async def open(self, report: SafetyReport) -> None:
        """Put a finding on file and freeze the account, unless it was found wrong since.

        Raises:
            Unavailable: the audit log cannot be written, so nothing may be decided.

        """
        kept = await self._keep(report)
        if not kept.is_released:
            await self._standings.freeze(report.account_id, FREEZE_REASON)

    async def file(self, report: SafetyReport) -> None:
        """Put a finding on file of somebody without an account, whom nothing can freeze.

        Raises:
            Unavailable: the audit log cannot be written, so nothing may be decided.

        """
        await self._keep(report)

    async def _keep(self, report: SafetyReport) -> SafetyReport:
        """Put a finding on file, and return what stands there of it."""
        known = await self._store.get(report.id)
        if known is not None:
            return known
        await self._audit.record(found(report))
        await self._store.add(report)
        return report


def report_on_sent(
    blocked: PictureBlocked, *, report_id: str, account_id: AccountId, sha256: str, now: datetime
) -> SafetyReport:
    """Return what is kept of a picture that was sent: its facts; the bytes are dropped."""
    copy = blocked.copy
    return SafetyReport(
        id=report_id,
        account_id=account_id,
        found_at=now,
        rule=blocked.rule,
        list_name=copy.list_name if copy else "",
        entry=copy.entry if copy else "",
        distance=copy.distance if copy else None,
        fingerprint=copy.fingerprint if copy else "",
        sha256=sha256,
    )


def found(report: SafetyReport) -> AuditEntry:
    """Return what goes on record of a new finding."""
    return entry_of("child_safety.found", HOUSE, report, report.state)


def entry_of(action: str, by: str, report: SafetyReport, outcome: str, **more: str) -> AuditEntry:
    """Return what goes on record about a finding: what it rests on, never what it is of."""
    detail = {"account": report.account_id, "rule": report.rule, "basis": report.basis.value}
    if report.list_name:
        detail |= {"list": report.list_name, "distance": str(report.distance)}
    return AuditEntry(
        action=action,
        actor=by,
        subject=f"job:{report.id}",
        outcome=outcome,
        detail=detail | more,
    )
