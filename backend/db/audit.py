"""Reads the whole truth back, for whoever checks the books rather than runs the house."""

from sqlmodel import col, select

from backend.billing.ledger import Entry
from backend.db.codecs import job_of, stored_event_of
from backend.db.ledger_store import entry_of
from backend.db.sessions import Database
from backend.db.tables import JobEventRow, JobRow, LedgerRow
from backend.domain.jobs import Job
from backend.domain.requests import JobId
from backend.service.ports import StoredEvent


class SqlAudit:
    """Jobs, committed events and the books as they stand in the database; reads only."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    async def jobs(self) -> list[Job]:
        """Return every job, in order of submission."""
        query = select(JobRow).order_by(col(JobRow.sequence))
        async with self._database.read() as session:
            return [job_of(row) for row in await session.exec(query)]

    async def find_by_seed(self, seed: int) -> list[JobId]:
        """Return the jobs that draw with this seed."""
        query = select(JobRow.id).where(col(JobRow.seed) == seed)
        async with self._database.read() as session:
            return [JobId(job_id) for job_id in await session.exec(query)]

    async def leased(self) -> list[Job]:
        """Return the jobs that are promised to a worker or on their way to one."""
        query = select(JobRow).where(col(JobRow.lease_until).is_not(None))
        async with self._database.read() as session:
            return [job_of(row) for row in await session.exec(query)]

    async def events(self, *, after: int = 0) -> list[StoredEvent]:
        """Return the committed events behind a place in the outbox, in order of commit."""
        query = (
            select(JobEventRow)
            .where(col(JobEventRow.sequence) > after)
            .order_by(col(JobEventRow.sequence))
        )
        async with self._database.read() as session:
            return [stored_event_of(row) for row in await session.exec(query)]

    async def entries(self) -> dict[JobId, list[Entry]]:
        """Return the books: each job's entries, in order of commit."""
        query = select(LedgerRow).order_by(col(LedgerRow.sequence))
        entries: dict[JobId, list[Entry]] = {}
        async with self._database.read() as session:
            for row in await session.exec(query):
                entries.setdefault(JobId(row.job_id), []).append(entry_of(row))
        return entries

    async def untold(self) -> set[JobId]:
        """Return the jobs of which some committed event was never published."""
        query = select(JobEventRow.job_id).where(col(JobEventRow.published_at).is_(None))
        async with self._database.read() as session:
            return {JobId(job_id) for job_id in await session.exec(query)}
