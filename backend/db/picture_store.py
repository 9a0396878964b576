"""The registry of delivered pictures in SQL; written with the delivery, in one transaction."""

from collections.abc import Iterator
from datetime import datetime

from sqlalchemy import and_
from sqlmodel import col, select

from backend.db.picture_tables import PictureFileRow, PictureRow
from backend.db.sessions import Database
from backend.domain.jobs import Change, JobState
from backend.domain.registered import RegisteredPicture
from backend.domain.requests import JobId
from backend.domain.results import ImageRef


class SqlPictureStore:
    """The `PictureStore` of SQLite and PostgreSQL."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    async def by_registry_id(self, registry_id: int) -> list[RegisteredPicture]:
        query = (
            select(PictureRow)
            .where(col(PictureRow.registry_id) == registry_id)
            .order_by(col(PictureRow.sequence))
        )
        async with self._database.read() as session:
            return [_picture_of(row) for row in await session.exec(query)]

    async def by_digest(self, sha256: str) -> RegisteredPicture | None:
        query = (
            select(PictureRow)
            .join(
                PictureFileRow,
                and_(
                    col(PictureFileRow.job_id) == col(PictureRow.job_id),
                    col(PictureFileRow.image_index) == col(PictureRow.image_index),
                ),
            )
            .where(col(PictureFileRow.sha256) == sha256)
            .order_by(col(PictureRow.sequence))
            .limit(1)
        )
        async with self._database.read() as session:
            row = (await session.exec(query)).first()
            return None if row is None else _picture_of(row)

    async def delivered_after(self, sequence: int, limit: int) -> list[RegisteredPicture]:
        query = (
            select(PictureRow)
            .where(col(PictureRow.sequence) > sequence)
            .order_by(col(PictureRow.sequence))
            .limit(limit)
        )
        async with self._database.read() as session:
            return [_picture_of(row) for row in await session.exec(query)]


def rows_of(change: Change) -> Iterator[PictureRow | PictureFileRow]:
    """Yield what the registry keeps of a change: the pictures of a job that it delivers."""
    job = change.job
    if job.state is not JobState.DELIVERED or job.result is None:
        return
    for image in job.result.images:
        if image.registry_id is not None:
            yield _row_of(job.id, image, image.registry_id, change.event.at)
            for variant, sha256 in image.digests.items():
                yield PictureFileRow(
                    job_id=job.id, image_index=image.index, variant=variant.value, sha256=sha256
                )


def _row_of(job_id: JobId, image: ImageRef, registry_id: int, at: datetime) -> PictureRow:
    return PictureRow(
        registry_id=registry_id,
        job_id=job_id,
        image_index=image.index,
        fingerprint=image.fingerprint,
        fingerprint_quality=image.fingerprint_quality,
        delivered_at=at,
    )


def _picture_of(row: PictureRow) -> RegisteredPicture:
    return RegisteredPicture(
        sequence=row.sequence or 0,
        registry_id=row.registry_id,
        job_id=JobId(row.job_id),
        index=row.image_index,
        fingerprint=row.fingerprint,
        fingerprint_quality=row.fingerprint_quality,
        delivered_at=row.delivered_at,
    )
