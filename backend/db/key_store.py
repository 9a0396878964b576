"""API keys in SQL, by digest."""

from datetime import datetime

from sqlmodel import col, select

from backend.db.audit_log import append
from backend.db.sessions import Database
from backend.db.tables import ApiKeyRow
from backend.domain.accounts import ApiKey, KeyId
from backend.domain.requests import AccountId
from backend.service import on_record


class SqlKeyStore:
    """The `KeyStore` of SQLite and PostgreSQL."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    async def add(self, key: ApiKey) -> None:
        async with self._database.write() as session:
            session.add(
                ApiKeyRow(
                    id=key.id,
                    account_id=key.account_id,
                    name=key.name,
                    digest=key.digest,
                    created_at=key.created_at,
                    revoked_at=key.revoked_at,
                    is_moderator=key.is_moderator,
                )
            )
            append(session, on_record.key_made(key))

    async def by_digest(self, digest: str) -> ApiKey | None:
        query = select(ApiKeyRow).where(
            col(ApiKeyRow.digest) == digest, col(ApiKeyRow.revoked_at).is_(None)
        )
        async with self._database.read() as session:
            row = (await session.exec(query)).one_or_none()
            return None if row is None else _key_of(row)

    async def all(self) -> list[ApiKey]:
        query = select(ApiKeyRow).order_by(col(ApiKeyRow.created_at), col(ApiKeyRow.id))
        async with self._database.read() as session:
            return [_key_of(row) for row in await session.exec(query)]

    async def revoke(self, key_id: str, at: datetime) -> bool:
        async with self._database.write() as session:
            row = await session.get(ApiKeyRow, key_id, with_for_update=True)
            if row is None:
                return False
            # The first revocation is the one that counts.
            row.revoked_at = row.revoked_at or at
            append(session, on_record.key_revoked(_key_of(row)))
            return True


def _key_of(row: ApiKeyRow) -> ApiKey:
    return ApiKey(
        id=KeyId(row.id),
        account_id=AccountId(row.account_id),
        name=row.name,
        digest=row.digest,
        created_at=row.created_at,
        revoked_at=row.revoked_at,
        is_moderator=row.is_moderator,
    )
