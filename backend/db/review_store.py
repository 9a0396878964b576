"""What lies before moderators, in SQL."""

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import uuid4

from sqlalchemy import ColumnElement, Integer, Select, and_, case, cast, func, or_
from sqlalchemy import select as sa_select
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.db.audit_log import append
from backend.db.changes import be_alone_with, move_job
from backend.db.codecs import BLOCK, encode, job_of
from backend.db.moderation_tables import ComplaintRow
from backend.db.sessions import Database
from backend.db.standing_rows import standing_in
from backend.db.tables import JobRow, ReviewRow
from backend.domain.errors import DecisionImpossible, ReportRepeated, TooManyReports
from backend.domain.jobs import Block, Change, Job
from backend.domain.removals import REQUEST_ANSWERED_WITHIN
from backend.domain.requests import AccountId, JobId
from backend.domain.reviews import (
    APPEAL_ANSWERED_WITHIN,
    Appeal,
    Backlog,
    BacklogKind,
    Decision,
    Review,
    ReviewId,
    ReviewKind,
    RulePrecision,
)
from backend.service import on_record
from backend.service.moderation_ports import Complaint

REPORTED = Block(stage="report", outcome="review", category="reported", rule="report")


class SqlReviewStore:
    """The `ReviewStore` of SQLite and PostgreSQL."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    async def get(self, review_id: ReviewId) -> Review | None:
        async with self._database.read() as session:
            row = await session.get(ReviewRow, review_id)
            return None if row is None else review_of(row)

    async def open_reviews(self, limit: int) -> list[Review]:
        appealed = col(ReviewRow.appealed_at)
        is_request = col(ReviewRow.kind) == ReviewKind.REQUEST.value
        found: list[Review] = []
        async with self._database.read() as session:
            # How moments are added up differs from database to database: of each kind its first.
            for which in (
                appealed.is_not(None),
                and_(appealed.is_(None), is_request),
                and_(appealed.is_(None), ~is_request),
            ):
                query = (
                    select(ReviewRow)
                    .where(col(ReviewRow.decision) == Decision.OPEN.value, which)
                    .order_by(func.coalesce(appealed, col(ReviewRow.opened_at)), col(ReviewRow.id))
                    .limit(limit)
                )
                found += [review_of(row) for row in await session.exec(query)]
        return sorted(found, key=lambda review: review.turn)[:limit]

    async def of_job(self, job_id: JobId) -> list[Review]:
        query = (
            select(ReviewRow)
            .where(col(ReviewRow.job_id) == job_id)
            .order_by(col(ReviewRow.opened_at).desc(), col(ReviewRow.id).desc())
        )
        async with self._database.read() as session:
            return [review_of(row) for row in await session.exec(query)]

    async def decide(
        self,
        review_id: ReviewId,
        decide: Callable[[Review], Review],
        move: Callable[[Job], Change] | None,
    ) -> tuple[Review, Job] | None:
        async with self._database.write() as session:
            row = await session.get(ReviewRow, review_id, with_for_update=True)
            if row is None:
                return None
            review = decide(review_of(row))
            row.sqlmodel_update(_columns(review))
            if move is not None:
                await _must_be_let_in(session, review.job_id)
                job = await move_job(session, review.job_id, move)
            else:
                query = select(JobRow).where(col(JobRow.id) == row.job_id)
                job = job_of((await session.exec(query)).one())
            if job is None:
                # A foreign key keeps the job there.
                return None
            append(session, on_record.decision(review, job))
            return review, job

    async def complain(self, complaint: Complaint, *, most_since: tuple[int, datetime]) -> Review:
        async with self._database.write() as session:
            await be_alone_with(session, complaint.account_id)
            await _must_be_new(session, complaint)
            await _must_be_few(session, complaint.account_id, *most_since)
            row = await _open_report(session, complaint)
            review = review_of(row).joined(complaint.words)
            row.sqlmodel_update(_columns(review))
            await session.flush()
            session.add(
                ComplaintRow(
                    review_id=row.id,
                    account_id=complaint.account_id,
                    job_id=complaint.job_id,
                    picture_index=complaint.picture_index,
                    words=complaint.words,
                    at=complaint.at,
                )
            )
            append(session, on_record.report(review, complaint))
            return review

    async def rules(self) -> list[RulePrecision]:
        async with self._database.read() as session:
            # The library has types for no more than four columns.
            rows = await session.exec(_by_rule())  # type: ignore[call-overload]
            return [_precision_of(*row) for row in rows]

    async def backlog(self, now: datetime) -> list[Backlog]:
        appealed = col(ReviewRow.appealed_at)
        kind = case((appealed.is_not(None), BacklogKind.APPEAL.value), else_=col(ReviewRow.kind))
        query = (
            select(
                kind,
                func.count(),
                func.sum(case((is_overdue(now), 1), else_=0)),
                func.min(func.coalesce(appealed, col(ReviewRow.opened_at))),
            )
            .where(col(ReviewRow.decision) == Decision.OPEN.value)
            .group_by(kind)
        )
        async with self._database.read() as session:
            found = {
                name: Backlog(
                    kind=BacklogKind(name),
                    open=count,
                    overdue=overdue,
                    oldest_s=max(0.0, (now - oldest).total_seconds()),
                )
                for name, count, overdue, oldest in await session.exec(query)
            }
        return [found.get(one.value, Backlog(kind=one)) for one in BacklogKind]


def is_overdue(now: datetime) -> ColumnElement[bool]:
    """Say in SQL whether an open review should have been answered."""
    is_request = col(ReviewRow.kind) == ReviewKind.REQUEST.value
    appealed = col(ReviewRow.appealed_at)
    is_late_request = and_(
        appealed.is_(None),
        is_request,
        col(ReviewRow.opened_at) < now - REQUEST_ANSWERED_WITHIN,
    )
    return and_(
        col(ReviewRow.decision) == Decision.OPEN.value,
        or_(appealed < now - APPEAL_ANSWERED_WITHIN, is_late_request),
    )


def review_of(row: ReviewRow) -> Review:
    """Return the review that a row tells of."""
    appeal = None
    if row.appealed_at is not None:
        appeal = Appeal(words=row.appeal_words or "", at=row.appealed_at)
    return Review(
        id=ReviewId(row.id),
        job_id=JobId(row.job_id),
        block=BLOCK.validate_python(row.block),
        opened_at=row.opened_at,
        kind=ReviewKind(row.kind),
        picture_index=row.picture_index,
        words=row.words,
        voices=row.voices,
        decision=Decision(row.decision),
        decided_by=None if row.decided_by is None else AccountId(row.decided_by),
        decided_at=row.decided_at,
        reason=row.reason,
        appeal=appeal,
        version=row.version,
    )


def _columns(review: Review) -> dict[str, object]:
    return {
        "words": review.words,
        "voices": review.voices,
        "decision": review.decision.value,
        "decided_by": review.decided_by,
        "decided_at": review.decided_at,
        "reason": review.reason,
        "appeal_words": review.appeal.words if review.appeal else None,
        "appealed_at": review.appeal.at if review.appeal else None,
        "version": review.version,
    }


async def _must_be_let_in(session: AsyncSession, job_id: JobId) -> None:
    """Refuse to put a job back in line whose owner is out; nobody bans them meanwhile.

    Raises:
        DecisionImpossible: they are banned or frozen.

    """
    query = select(JobRow.account_id).where(col(JobRow.id) == job_id)
    owner = AccountId((await session.exec(query)).one())
    await be_alone_with(session, owner)
    if (await standing_in(session, owner)).is_barred:
        raise DecisionImpossible


async def _must_be_new(session: AsyncSession, complaint: Complaint) -> None:
    query = select(ComplaintRow.sequence).where(
        col(ComplaintRow.account_id) == complaint.account_id,
        col(ComplaintRow.job_id) == complaint.job_id,
        col(ComplaintRow.picture_index) == complaint.picture_index,
    )
    if (await session.exec(query)).first() is not None:
        raise ReportRepeated


async def _must_be_few(
    session: AsyncSession, account_id: AccountId, most: int, since: datetime
) -> None:
    query = select(func.count()).where(
        col(ComplaintRow.account_id) == account_id, col(ComplaintRow.at) >= since
    )
    if (await session.exec(query)).one() >= most:
        raise TooManyReports(limit=most)


async def _open_report(session: AsyncSession, complaint: Complaint) -> ReviewRow:
    """Return the open review of a reported picture, one that is new if there is none."""
    # Whoever reports the same picture at the same moment waits here.
    await session.exec(select(JobRow.id).where(JobRow.id == complaint.job_id).with_for_update())
    query = (
        select(ReviewRow)
        .where(
            col(ReviewRow.job_id) == complaint.job_id,
            col(ReviewRow.kind) == complaint.kind.value,
            col(ReviewRow.picture_index) == complaint.picture_index,
            col(ReviewRow.decision) == Decision.OPEN.value,
        )
        .with_for_update()
    )
    row = (await session.exec(query)).first()
    if row is None:
        row = ReviewRow(
            id=f"rev_{uuid4().hex}",
            job_id=complaint.job_id,
            block=encode(BLOCK, REPORTED),
            opened_at=complaint.at,
            decision=Decision.OPEN.value,
            kind=complaint.kind.value,
            rule=REPORTED.rule,
            picture_index=complaint.picture_index,
        )
        session.add(row)
    return row


def _by_rule() -> Select[Any]:
    def count(*decisions: Decision) -> ColumnElement[int]:
        wanted = [decision.value for decision in decisions]
        return func.sum(cast(col(ReviewRow.decision).in_(wanted), Integer))

    block = col(ReviewRow.block)
    stage, category = block["stage"].as_string(), block["category"].as_string()
    return (
        sa_select(
            stage,
            category,
            col(ReviewRow.rule),
            func.count(),
            count(Decision.OPEN),
            count(Decision.RELEASED),
            count(Decision.KEPT, Decision.REMOVED),
            func.count(col(ReviewRow.appealed_at)),
        )
        .where(col(ReviewRow.kind) == ReviewKind.HELD.value)
        .group_by(stage, category, col(ReviewRow.rule))
        .order_by(col(ReviewRow.rule), stage, category)
    )


def _precision_of(
    stage: str,
    category: str,
    rule: str,
    held: int,
    still_open: int,
    overturned: int,
    upheld: int,
    appealed: int,
) -> RulePrecision:
    return RulePrecision(
        stage=stage,
        category=category,
        rule=rule,
        held=held,
        open=still_open,
        overturned=overturned,
        upheld=upheld,
        appealed=appealed,
    )
