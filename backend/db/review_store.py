"""Held jobs before moderators, in SQL."""

from collections.abc import Callable

from sqlmodel import col, select

from backend.db.audit_log import append
from backend.db.changes import move_job
from backend.db.codecs import BLOCK, job_of
from backend.db.sessions import Database
from backend.db.tables import JobRow, ReviewRow
from backend.domain.jobs import Change, Job
from backend.domain.requests import AccountId, JobId
from backend.domain.reviews import Decision, Review, ReviewId
from backend.service import on_record


class SqlReviewStore:
    """The `ReviewStore` of SQLite and PostgreSQL."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    async def get(self, review_id: ReviewId) -> Review | None:
        async with self._database.read() as session:
            row = await session.get(ReviewRow, review_id)
            return None if row is None else _review_of(row)

    async def open_reviews(self, limit: int) -> list[Review]:
        query = (
            select(ReviewRow)
            .where(col(ReviewRow.decision) == Decision.OPEN.value)
            .order_by(col(ReviewRow.opened_at), col(ReviewRow.id))
            .limit(limit)
        )
        async with self._database.read() as session:
            return [_review_of(row) for row in await session.exec(query)]

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
            review = decide(_review_of(row))
            row.decision = review.decision.value
            row.decided_by = review.decided_by
            row.decided_at = review.decided_at
            append(session, on_record.decision(review))
            if move is not None:
                job = await move_job(session, review.job_id, move)
            else:
                query = select(JobRow).where(col(JobRow.id) == row.job_id)
                job = job_of((await session.exec(query)).one())
            # A foreign key keeps the job there.
            return None if job is None else (review, job)


def _review_of(row: ReviewRow) -> Review:
    return Review(
        id=ReviewId(row.id),
        job_id=JobId(row.job_id),
        block=BLOCK.validate_python(row.block),
        opened_at=row.opened_at,
        decision=Decision(row.decision),
        decided_by=None if row.decided_by is None else AccountId(row.decided_by),
        decided_at=row.decided_at,
    )
