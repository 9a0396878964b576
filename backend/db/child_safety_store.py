"""Child safety reports in SQL: one document each."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from pydantic import TypeAdapter
from sqlmodel import Field, col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.db.audit_log import append
from backend.db.columns import Document, UtcMoment, Words
from backend.db.sessions import Database
from backend.db.tables import Row
from backend.domain.child_safety import SafetyReport, words_report
from backend.domain.jobs import Change
from backend.domain.requests import AccountId
from backend.service.child_safety import found

_REPORT: TypeAdapter[SafetyReport] = TypeAdapter(SafetyReport)


class SafetyReportRow(Row, table=True):
    """One report."""

    __tablename__ = "safety_reports"

    id: str = Field(primary_key=True, sa_type=Words)
    found_at: datetime = Field(sa_type=UtcMoment)
    document: dict[str, Any] = Field(sa_type=Document)


class SqlSafetyReportStore:
    """The `SafetyReportStore` of SQLite and PostgreSQL."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    async def add(self, report: SafetyReport) -> bool:
        async with self._database.write() as session:
            if await session.get(SafetyReportRow, report.id) is not None:
                return False
            session.add(_row(report))
            return True

    async def get(self, report_id: str) -> SafetyReport | None:
        async with self._database.read() as session:
            row = await session.get(SafetyReportRow, report_id)
            return None if row is None else _REPORT.validate_python(row.document)

    async def all(self) -> list[SafetyReport]:
        query = select(SafetyReportRow).order_by(
            col(SafetyReportRow.found_at), col(SafetyReportRow.id)
        )
        async with self._database.read() as session:
            return [_REPORT.validate_python(row.document) for row in await session.exec(query)]

    async def of_account(self, account_id: AccountId) -> list[SafetyReport]:
        query = (
            select(SafetyReportRow)
            .where(col(SafetyReportRow.document)["account_id"].as_string() == account_id)
            .order_by(col(SafetyReportRow.found_at), col(SafetyReportRow.id))
        )
        async with self._database.read() as session:
            return [_REPORT.validate_python(row.document) for row in await session.exec(query)]

    async def change(
        self, report_id: str, edit: Callable[[SafetyReport], SafetyReport]
    ) -> SafetyReport | None:
        async with self._database.write() as session:
            row = await session.get(SafetyReportRow, report_id, with_for_update=True)
            if row is None:
                return None
            changed = edit(_REPORT.validate_python(row.document))
            row.document = _REPORT.dump_python(changed, mode="json")
            session.add(row)
            return changed


def file_words(session: AsyncSession, changes: Sequence[Change]) -> None:
    """Put on file, and on record, that new jobs are held for the words they were asked for with."""
    report = words_report(changes)
    if report is not None:
        session.add(_row(report))
        append(session, found(report))


def _row(report: SafetyReport) -> SafetyReportRow:
    document = _REPORT.dump_python(report, mode="json")
    return SafetyReportRow(id=report.id, found_at=report.found_at, document=document)
