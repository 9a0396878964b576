"""A twin of where child safety reports are kept."""

from collections.abc import Callable

from backend.domain.child_safety import SafetyReport
from backend.domain.requests import AccountId
from tests.fakes.stores import Memory


class MemorySafetyReportStore:
    """The `SafetyReportStore` in memory."""

    def __init__(self, *, memory: Memory | None = None) -> None:
        self.reports = (memory or Memory()).safety_reports

    async def add(self, report: SafetyReport) -> bool:
        if report.id in self.reports:
            return False
        self.reports[report.id] = report
        return True

    async def get(self, report_id: str) -> SafetyReport | None:
        return self.reports.get(report_id)

    async def all(self) -> list[SafetyReport]:
        return sorted(self.reports.values(), key=lambda one: (one.found_at, one.id))

    async def of_account(self, account_id: AccountId) -> list[SafetyReport]:
        return [one for one in await self.all() if one.account_id == account_id]

    async def change(
        self, report_id: str, edit: Callable[[SafetyReport], SafetyReport]
    ) -> SafetyReport | None:
        if report_id not in self.reports:
            return None
        self.reports[report_id] = edit(self.reports[report_id])
        return self.reports[report_id]
