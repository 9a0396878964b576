"""Jobs in SQL: the waiting line, the leases and the outbox."""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, func, or_, text, update
from sqlalchemy import select as sa_select
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.db.changes import be_alone_with, move_job, record_change
from backend.db.child_safety_store import file_words
from backend.db.codecs import SPEC, job_columns, job_of, stored_event_of
from backend.db.sessions import Database
from backend.db.standing_rows import standing_in
from backend.db.tables import JobEventRow, JobRow
from backend.domain.errors import IdempotencyMismatch, TooManyWaiting
from backend.domain.families import ModelFamily
from backend.domain.jobs import Change, Job, JobState
from backend.domain.requests import AccountId, JobId
from backend.domain.standing import must_be_welcome
from backend.domain.tiers import Tier
from backend.service.ports import InLine, Standing, StoredEvent

# Of more jobs than these, all are read: statements have room for only so many names.
AMONG_MAX = 500


class SqlJobStore:
    """The `JobStore` of SQLite and PostgreSQL."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    async def add(self, change: Change, *, fingerprint: str, waiting_max: int | None = None) -> Job:
        room = {change.job.spec.tier: waiting_max}
        (job, *_) = await self.add_set([change], fingerprint=fingerprint, waiting_max=room)
        return job

    async def add_set(
        self,
        changes: Sequence[Change],
        *,
        fingerprint: str,
        waiting_max: Mapping[Tier, int | None],
    ) -> list[Job]:
        request = changes[0].job.request
        account_id = request.requester.account_id
        async with self._database.write() as session:
            await be_alone_with(session, account_id)
            first = await _with_key(session, account_id, request.idempotency_key, fingerprint)
            if first is not None:
                return await _set_of(session, first)
            standing = await standing_in(session, account_id)
            must_be_welcome(standing, now=changes[0].event.at)
            for change in changes:
                job = change.job
                most = waiting_max.get(job.spec.tier)
                if most is not None and job.state is JobState.QUEUED:
                    await _must_have_room(session, job, most)
                session.add(JobRow(**job_columns(job), fingerprint=fingerprint))
                await session.flush()
                record_change(session, change)
            file_words(session, changes)
            return [change.job for change in changes]

    async def repeated(
        self, account_id: AccountId, idempotency_key: str, *, fingerprint: str
    ) -> Job | None:
        async with self._database.read() as session:
            return await _with_key(session, account_id, idempotency_key, fingerprint)

    async def get(self, job_id: JobId) -> Job | None:
        async with self._database.read() as session:
            query = select(JobRow).where(col(JobRow.id) == job_id)
            row = (await session.exec(query)).one_or_none()
            return None if row is None else job_of(row)

    async def change(self, job_id: JobId, move: Callable[[Job], Change]) -> Job | None:
        async with self._database.write() as session:
            return await move_job(session, job_id, move)

    async def standing(self, family: ModelFamily) -> list[Standing]:
        query = (
            select(JobRow.sequence, JobRow.id, col(JobRow.lease_until).is_not(None))
            .where(*_is_in_line(family))
            .order_by(col(JobRow.created_at), col(JobRow.sequence))
        )
        async with self._database.read() as session:
            return [
                Standing(sequence or 0, JobId(job_id), is_leased)
                for sequence, job_id, is_leased in await session.exec(query)
            ]

    async def in_line(
        self, family: ModelFamily, *, after: int = 0, among: Collection[JobId] | None = None
    ) -> list[InLine]:
        if among is not None and len(among) > AMONG_MAX:
            wanted = set(among)
            rows = await self.in_line(family, after=after)
            return [row for row in rows if row.job_id in wanted]
        query = (
            # Not whole rows: there may be ten thousand.
            sa_select(
                col(JobRow.sequence),
                col(JobRow.id),
                col(JobRow.account_id),
                col(JobRow.created_at),
                col(JobRow.spec),
                col(JobRow.lease_until),
            )
            .where(*_is_in_line(family), col(JobRow.sequence) > after)
            .order_by(col(JobRow.created_at), col(JobRow.sequence))
        )
        if among is not None:
            query = query.where(col(JobRow.id).in_(among))
        async with self._database.read() as session:
            # The library has types for no more than four columns.
            rows = await session.exec(query)  # type: ignore[call-overload]
            return [_in_line(*row) for row in rows]

    async def many(self, job_ids: Sequence[JobId]) -> dict[JobId, Job]:
        if not job_ids:
            return {}
        query = select(JobRow).where(col(JobRow.id).in_(job_ids))
        async with self._database.read() as session:
            return {JobId(row.id): job_of(row) for row in await session.exec(query)}

    async def in_flight(self, family: ModelFamily) -> dict[tuple[Tier, str], int]:
        query = (
            select(JobRow.tier, JobRow.lease_worker, func.count())
            .where(
                col(JobRow.family) == family.value,
                col(JobRow.state) == JobState.QUEUED.value,
                col(JobRow.lease_until).is_not(None),
            )
            .group_by(col(JobRow.tier), col(JobRow.lease_worker))
        )
        async with self._database.read() as session:
            return {
                (Tier(tier), worker or ""): count
                for tier, worker, count in await session.exec(query)
            }

    async def expired(self, now: datetime, limit: int) -> list[JobId]:
        query = (
            select(JobRow.id)
            .where(col(JobRow.lease_until) < now)
            .order_by(col(JobRow.lease_until), col(JobRow.sequence))
            .limit(limit)
        )
        async with self._database.read() as session:
            return [JobId(job_id) for job_id in await session.exec(query)]

    async def held_by(self, worker: str) -> list[JobId]:
        query = (
            select(JobRow.id)
            # The first condition has an index.
            .where(col(JobRow.lease_until).is_not(None), col(JobRow.lease_worker) == worker)
            .order_by(col(JobRow.sequence))
        )
        async with self._database.read() as session:
            return [JobId(job_id) for job_id in await session.exec(query)]

    async def ahead_of(self, job: Job) -> int:
        place = select(JobRow.sequence).where(col(JobRow.id) == job.id).scalar_subquery()
        query = select(func.count()).where(
            col(JobRow.family) == job.spec.family.value,
            col(JobRow.tier) == job.spec.tier.value,
            col(JobRow.state) == JobState.QUEUED.value,
            or_(
                col(JobRow.created_at) < job.created_at,
                and_(col(JobRow.created_at) == job.created_at, col(JobRow.sequence) < place),
            ),
        )
        async with self._database.read() as session:
            return (await session.exec(query)).one()

    async def by_account(self, account_id: AccountId, limit: int) -> list[Job]:
        query = (
            select(JobRow)
            .where(col(JobRow.account_id) == account_id)
            .order_by(col(JobRow.created_at).desc(), col(JobRow.sequence).desc())
            .limit(limit)
        )
        async with self._database.read() as session:
            return [job_of(row) for row in await session.exec(query)]

    async def unpublished(self, limit: int) -> list[StoredEvent]:
        query = (
            select(JobEventRow)
            .where(col(JobEventRow.published_at).is_(None))
            .order_by(col(JobEventRow.sequence))
            .limit(limit)
        )
        async with self._database.read() as session:
            return [stored_event_of(row) for row in await session.exec(query)]

    async def mark_published(self, sequences: Sequence[int]) -> None:
        statement = (
            update(JobEventRow)
            .where(col(JobEventRow.sequence).in_(sequences))
            .values(published_at=datetime.now(UTC))
        )
        async with self._database.write() as session:
            await session.exec(statement)


async def _with_key(
    session: AsyncSession, account_id: AccountId, key: str | None, fingerprint: str
) -> Job | None:
    if key is None:
        return None
    query = select(JobRow).where(
        col(JobRow.account_id) == account_id, col(JobRow.idempotency_key) == key
    )
    row = (await session.exec(query)).one_or_none()
    if row is None:
        return None
    if row.fingerprint != fingerprint:
        raise IdempotencyMismatch
    return job_of(row)


async def _set_of(session: AsyncSession, first: Job) -> list[Job]:
    """Return the jobs that were made together with a first one."""
    place = first.request.place
    if place is None:
        return [first]
    query = select(JobRow).where(col(JobRow.id).in_(place.ids())).order_by(col(JobRow.sequence))
    return [job_of(row) for row in await session.exec(query)]


async def _must_have_room(session: AsyncSession, job: Job, waiting_max: int) -> None:
    query = select(func.count()).where(
        col(JobRow.account_id) == job.request.requester.account_id,
        col(JobRow.tier) == job.spec.tier.value,
        # Written out, or SQLite would not see that its partial index holds just these.
        text("state = 'queued'"),
    )
    if (await session.exec(query)).one() >= waiting_max:
        raise TooManyWaiting(tier=job.spec.tier, limit=waiting_max)


def _is_in_line(family: ModelFamily) -> tuple[ColumnElement[bool], ...]:
    return (
        col(JobRow.family) == family.value,
        col(JobRow.state).in_([JobState.QUEUED.value, JobState.RENDERING.value]),
    )


def _in_line(
    sequence: int,
    job_id: str,
    account_id: str,
    created_at: datetime,
    spec: dict[str, Any],
    lease_until: datetime | None,
) -> InLine:
    return InLine(
        sequence=sequence,
        job_id=JobId(job_id),
        account_id=AccountId(account_id),
        created_at=created_at,
        spec=SPEC.validate_python(spec, strict=False),
        is_leased=lease_until is not None,
    )
