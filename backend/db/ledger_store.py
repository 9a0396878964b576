"""The books in SQL, to be read; they are written with the changes of jobs, and only there."""

from sqlalchemy import func
from sqlmodel import col, select

from backend.billing.ledger import Balance, Entry, EntryKind
from backend.db.sessions import Database
from backend.db.tables import LedgerRow
from backend.domain.requests import AccountId, JobId


class SqlBooks:
    """The `Books` of SQLite and PostgreSQL."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    async def entries(self, job_id: JobId) -> list[Entry]:
        query = (
            select(LedgerRow)
            .where(col(LedgerRow.job_id) == job_id)
            .order_by(col(LedgerRow.sequence))
        )
        async with self._database.read() as session:
            return [entry_of(row) for row in await session.exec(query)]

    async def balance(self, account_id: AccountId) -> Balance:
        query = (
            select(LedgerRow.kind, func.sum(LedgerRow.gpu_ms))
            .where(col(LedgerRow.account_id) == account_id)
            .group_by(col(LedgerRow.kind))
        )
        async with self._database.read() as session:
            # PostgreSQL adds big integers up to a decimal.
            sums = {EntryKind(kind): int(gpu_ms) for kind, gpu_ms in await session.exec(query)}
        return Balance.of(sums)


def entry_of(row: LedgerRow) -> Entry:
    """Return the entry that a row keeps."""
    return Entry(kind=EntryKind(row.kind), stay=row.stay, gpu_ms=row.gpu_ms)
