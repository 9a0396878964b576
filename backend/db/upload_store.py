"""Uploads in SQL."""

from datetime import datetime

from sqlalchemy import func
from sqlmodel import col, delete, select

from backend.db.codecs import PICTURE_JUDGEMENT, decode, encode
from backend.db.sessions import Database
from backend.db.tables import UploadRow
from backend.domain.requests import AccountId, UploadId
from backend.domain.uploads import Upload


class SqlUploadStore:
    """The `UploadStore` of SQLite and PostgreSQL."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    async def add(self, upload: Upload, *, most: int) -> bool:
        mine = select(func.count()).where(
            col(UploadRow.account_id) == upload.account_id,
            col(UploadRow.expires_at) > upload.created_at,
        )
        async with self._database.write() as session:
            if (await session.exec(mine)).one() >= most:
                return False
            found = encode(PICTURE_JUDGEMENT, upload.judgement)
            session.add(UploadRow(**{**vars(upload), "judgement": found}))
            return True

    async def get(self, upload_id: UploadId) -> Upload | None:
        async with self._database.read() as session:
            row = await session.get(UploadRow, upload_id)
            return None if row is None else _upload_of(row)

    async def expired(self, before: datetime, limit: int) -> list[Upload]:
        query = (
            select(UploadRow)
            .where(col(UploadRow.expires_at) < before)
            .order_by(col(UploadRow.expires_at))
            .limit(limit)
        )
        async with self._database.read() as session:
            return [_upload_of(row) for row in await session.exec(query)]

    async def remove(self, upload_id: UploadId) -> None:
        async with self._database.write() as session:
            await session.exec(delete(UploadRow).where(col(UploadRow.id) == upload_id))


def _upload_of(row: UploadRow) -> Upload:
    return Upload(
        id=UploadId(row.id),
        account_id=AccountId(row.account_id),
        key=row.key,
        width=row.width,
        height=row.height,
        size_bytes=row.size_bytes,
        created_at=row.created_at,
        expires_at=row.expires_at,
        judgement=decode(PICTURE_JUDGEMENT, row.judgement),
    )
