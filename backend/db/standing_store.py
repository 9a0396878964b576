"""What was decided of accounts, in SQL: one document each."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.db.audit_log import append
from backend.db.changes import be_alone_with, move_job
from backend.db.moderation_tables import StandingRow
from backend.db.sessions import Database
from backend.db.standing_rows import STANDING, standing_in, standing_of
from backend.db.tables import JobRow
from backend.db.withheld_store import withhold_or_return
from backend.domain.jobs import Change, Job, JobState
from backend.domain.requests import AccountId, JobId
from backend.domain.standing import AccountStanding
from safety.moderation.audit import AuditEntry

_OPEN = (JobState.QUEUED.value, JobState.RENDERING.value)


class SqlStandingStore:
    """The `StandingStore` of SQLite and PostgreSQL."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    async def get(self, account_id: AccountId) -> AccountStanding:
        async with self._database.read() as session:
            return await standing_in(session, account_id)

    async def change(
        self,
        account_id: AccountId,
        edit: Callable[[AccountStanding], AccountStanding],
        *,
        record: Callable[[AccountStanding, Sequence[JobId]], AuditEntry],
        end: Callable[[Job], Change] | None = None,
    ) -> tuple[AccountStanding, tuple[JobId, ...]]:
        async with self._database.write() as session:
            await be_alone_with(session, account_id)
            row = await session.get(StandingRow, account_id, with_for_update=True)
            standing = edit(standing_of(row, account_id))
            document = STANDING.dump_python(standing, mode="json")
            await session.merge(
                StandingRow(account_id=account_id, document=document, updated_at=datetime.now(UTC))
            )
            ended: tuple[JobId, ...] = ()
            if end is not None and standing.is_barred:
                ended = await _end_all(session, account_id, end)
            # Last: what was delivered a moment before is not missed.
            await withhold_or_return(session, standing)
            append(session, record(standing, ended))
            return standing, ended


async def _end_all(
    session: AsyncSession, account_id: AccountId, end: Callable[[Job], Change]
) -> tuple[JobId, ...]:
    query = (
        select(JobRow.id)
        .where(col(JobRow.account_id) == account_id, col(JobRow.state).in_(_OPEN))
        .order_by(col(JobRow.sequence))
        # A worker's report that waits for one of these finds it ended.
        .with_for_update()
    )
    ended = [JobId(job_id) for job_id in await session.exec(query)]
    for job_id in ended:
        await move_job(session, job_id, end)
    return tuple(ended)
