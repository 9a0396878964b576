"""What is on file of child safety: looking, marking as reported, and releasing what was wrong.

Nobody here is shown a picture: there are the facts, and what they rest on. A copy of a listed
picture is found wrong by who runs the deployment alone, an estimate also by moderators whom the
settings name. Every look and every decision goes on record before it counts.
"""

from collections.abc import Awaitable, Callable, Collection, Sequence

from backend.domain.child_safety import Basis, FreezeRules, SafetyReport, must_freeze
from backend.domain.errors import (
    BadInput,
    DecisionImpossible,
    ModeratorsOnly,
    SafetyReportNotFound,
)
from backend.domain.requests import AccountId, JobId, Requester
from backend.domain.standing import HOUSE, AccountStanding, Sanction
from backend.service import looks_on_record, on_record
from backend.service.child_safety import FREEZE_REASON, SafetyReportStore, entry_of
from backend.service.moderation_ports import StandingStore
from backend.service.moderators import Moderators
from backend.service.ports import AuditLog, Clock
from safety.moderation.audit import AuditEntry

REASON_MAX = 500


class SafetyReports:
    """What is on file, for who runs the deployment; `by` is who looks or decides."""

    def __init__(
        self,
        *,
        store: SafetyReportStore,
        standings: StandingStore,
        audit: AuditLog,
        moderators: Moderators,
        clock: Clock,
        reviewers: Collection[AccountId] = (),
        rules: FreezeRules | None = None,
    ) -> None:
        self._store = store
        self._standings = standings
        self._audit = audit
        self._moderators = moderators
        self._clock = clock
        self._reviewers = frozenset(reviewers)
        self._rules = rules or FreezeRules()

    async def all(self, *, by: str) -> list[SafetyReport]:
        """Return all reports, oldest first; that they were listed goes on record."""
        found = await self._store.all()
        ids = [one.id for one in found]
        await self._audit.record(looks_on_record.safety_reports_listed(by, ids, at=self._clock()))
        return found

    async def get(self, report_id: str, *, by: str) -> SafetyReport:
        """Return one report; that it was looked at goes on record.

        Raises:
            SafetyReportNotFound: there is none of this id.

        """
        report = await self._known(report_id)
        await self._audit.record(entry_of("child_safety.seen", by, report, report.state))
        return report

    async def mark_reported(self, report_id: str, reported_as: str, *, by: str) -> SafetyReport:
        """Note that a finding was reported, and preserve it for a year from now.

        Raises:
            SafetyReportNotFound: there is none of this id.

        """
        report = await self._known(report_id)
        await self._audit.record(entry_of("child_safety.reported", by, report, "reported"))
        now = self._clock()
        changed = await self._store.change(
            report_id, lambda old: old.reported(reported_as, now=now)
        )
        return changed or report

    async def release(self, report_id: str, *, by: str, reason: str) -> SafetyReport:
        """Note that a finding was wrong; an account on which none stands any more is let in again.

        Raises:
            SafetyReportNotFound: there is none of this id.
            BadInput: there is no reason.

        """
        report = await self._known(report_id)
        _must_be_a_reason(reason)
        released = entry_of("child_safety.released", by, report, "released", reason=reason)
        await self._audit.record(released)
        now = self._clock()
        changed = await self._store.change(
            report_id, lambda old: old.released(by=by, reason=reason, now=now)
        )
        await self._let_in(report.account_id, by=by)
        return changed or report

    async def break_glass(self, report_id: str, key: str, *, by: str, reason: str) -> None:
        """Put on record that somebody is about to open what is sealed; without that nobody may.

        Raises:
            SafetyReportNotFound: there is no such report.
            BadInput: nothing is sealed of it under this key, or there is no reason.
            Unavailable: the log cannot be written.

        """
        report = await self._known(report_id)
        _must_be_a_reason(reason)
        if key not in report.evidence:
            raise BadInput(
                "Nothing is sealed of that.", way_out="`impasto reports show` tells what is."
            )
        entry = entry_of("child_safety.unsealed", by, report, "opened", reason=reason, key=key)
        await self._audit.record(entry)

    async def drop(
        self, report_id: str, forget: Callable[[str], Awaitable[None]], *, by: str, reason: str
    ) -> SafetyReport:
        """Have what is sealed of a finding removed by `forget`, once nothing has it preserved.

        Raises:
            SafetyReportNotFound: there is no such report.
            BadInput: there is no reason, or it must be preserved.
            Unavailable: the log cannot be written, or the store does not answer.

        """
        report = await self._known(report_id)
        _must_be_a_reason(reason)
        now = self._clock()
        if report.is_preserved(now):
            until = report.preserved_until
            raise BadInput(
                "What is sealed of that must be preserved"
                + (f" until {until:%Y-%m-%d}." if until else " until it is reported or released."),
                way_out="`impasto reports mark-reported` or `release` come first.",
            )
        entry = entry_of("child_safety.dropped", by, report, "dropped", reason=reason)
        await self._audit.record(entry)
        for key in report.evidence:
            await forget(key)
        changed = await self._store.change(report_id, lambda old: old.dropped(now=now))
        return changed or report

    async def estimates(self, reviewer: Requester) -> list[SafetyReport]:
        """Return what stands and rests on no list, oldest first; looking goes on record.

        Raises:
            ModeratorsOnly, AccountSuspended: the requester may not, or is not named for this.

        """
        await self._must_review(reviewer)
        found = [
            one
            for one in await self._store.all()
            if one.basis is not Basis.LIST and not one.is_released
        ]
        for one in found:
            seen = entry_of("child_safety.seen", reviewer.account_id, one, one.state)
            await self._audit.record(seen)
        return found

    async def release_estimate(
        self, report_id: str, reviewer: Requester, *, reason: str
    ) -> SafetyReport:
        """Note that an estimate was wrong.

        Raises:
            ModeratorsOnly, AccountSuspended: the requester may not, or is not named for this.
            DecisionImpossible: it is a copy of a listed picture, or about the reviewer themselves.
            SafetyReportNotFound: there is none of this id.
            BadInput: there is no reason.

        """
        await self._must_review(reviewer)
        report = await self._known(report_id)
        if report.basis is Basis.LIST or report.account_id == reviewer.account_id:
            raise DecisionImpossible
        return await self.release(report_id, by=reviewer.account_id, reason=reason)

    async def _known(self, report_id: str) -> SafetyReport:
        report = await self._store.get(report_id)
        if report is None:
            raise SafetyReportNotFound
        return report

    async def _must_review(self, requester: Requester) -> None:
        await self._moderators.must_moderate(requester)
        if requester.account_id not in self._reviewers:
            raise ModeratorsOnly

    async def _let_in(self, account_id: AccountId, *, by: str) -> None:
        if await self._stands(account_id):
            return
        await self._standings.change(
            account_id, AccountStanding.thawed, record=_recorder("account.thawed", account_id, by)
        )
        if await self._stands(account_id):
            # Another finding came in meanwhile, and its freeze may have been the one to go.
            freeze = Sanction(reason=FREEZE_REASON, by=HOUSE, at=self._clock())
            await self._standings.change(
                account_id,
                lambda old: old.frozen(freeze),
                record=_recorder("account.frozen", account_id, HOUSE),
            )

    async def _stands(self, account_id: AccountId) -> bool:
        reports = await self._store.of_account(account_id)
        return must_freeze(reports, self._rules, now=self._clock())


def _must_be_a_reason(reason: str) -> None:
    if not 0 < len(reason.strip()) <= REASON_MAX:
        raise BadInput(f"A reason has 1 to {REASON_MAX} characters.", way_out="Say why.")


def _recorder(
    action: str, account_id: AccountId, by: str
) -> Callable[[AccountStanding, Sequence[JobId]], AuditEntry]:
    def record(standing: AccountStanding, ended: Sequence[JobId]) -> AuditEntry:
        outcome = "frozen" if standing.is_frozen else "let_in"
        return on_record.standing(action, account_id, actor=by, outcome=outcome, ended=ended)

    return record
