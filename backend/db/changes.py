"""How one transition is written: the job, its event, its entries in the ledger and on record.

A delivered job also registers its pictures, a held one opens a review.
"""

from collections.abc import Callable
from uuid import uuid4

from sqlalchemy import func
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.billing.ledger import Entry, entries_of
from backend.db.audit_log import append
from backend.db.codecs import BLOCK, encode, job_columns, job_of
from backend.db.picture_store import rows_of
from backend.db.tables import JobEventRow, JobRow, LedgerRow, ReviewRow
from backend.domain.events import JobEvent, JobEventKind
from backend.domain.jobs import Block, Change, Job, JobState
from backend.domain.requests import AccountId, JobId
from backend.domain.reviews import Decision, ReviewId
from backend.service import on_record

# Any number will do, as long as nobody else on the server uses it with a second one: "admi".
ADDING_LOCK = int.from_bytes(b"admi", "big")


async def be_alone_with(session: AsyncSession, account_id: AccountId) -> None:
    """Let nobody else add a job of this account until the transaction ends."""
    # On SQLite nobody else writes at all.
    if session.get_bind().dialect.name == "postgresql":
        lock = func.pg_advisory_xact_lock(ADDING_LOCK, func.hashtext(account_id))
        await session.exec(select(lock))


async def move_job(
    session: AsyncSession, job_id: JobId, move: Callable[[Job], Change]
) -> Job | None:
    """Apply a move to the job as it is now, with its row locked; None if there is no job."""
    query = select(JobRow).where(col(JobRow.id) == job_id).with_for_update()
    row = (await session.exec(query)).one_or_none()
    if row is None:
        return None
    change = move(job_of(row))
    if change.job.id != row.id or change.job.version != row.version + 1:
        raise ValueError(f"{job_id}: version {row.version} cannot become {change.job.version}")
    row.sqlmodel_update(job_columns(change.job))
    await session.flush()
    record_change(session, change)
    return change.job


def record_change(session: AsyncSession, change: Change) -> None:
    """Add what goes with a job that is already written."""
    if change.event.kind is not JobEventKind.PROGRESS:
        session.add(_event_row(change.event))
    session.add_all(_ledger_row(change, entry) for entry in entries_of(change))
    for entry in on_record.entries_of(change):
        append(session, entry)
    session.add_all(rows_of(change))
    if change.job.state is JobState.BLOCKED and change.job.block is not None:
        review = _review_row(change.event, change.job.block)
        session.add(review)
        append(session, on_record.opening(ReviewId(review.id), change))


def _event_row(event: JobEvent) -> JobEventRow:
    return JobEventRow(
        job_id=event.job_id,
        kind=event.kind.value,
        attempt=event.attempt,
        at=event.at,
        detail=event.detail,
    )


def _ledger_row(change: Change, entry: Entry) -> LedgerRow:
    return LedgerRow(
        job_id=change.job.id,
        account_id=change.job.request.requester.account_id,
        kind=entry.kind.value,
        stay=entry.stay,
        gpu_ms=entry.gpu_ms,
        at=change.event.at,
    )


def _review_row(event: JobEvent, block: Block) -> ReviewRow:
    return ReviewRow(
        id=f"rev_{uuid4().hex}",
        job_id=event.job_id,
        block=encode(BLOCK, block),
        opened_at=event.at,
        decision=Decision.OPEN.value,
        rule=block.rule,
    )
