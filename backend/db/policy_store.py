"""What guilds had for policies, in SQL: every change is a row, and no row is ever changed."""

from datetime import datetime

from sqlmodel import col, func, select
from sqlmodel.sql.expression import SelectOfScalar

from backend.db.audit_log import append
from backend.db.sessions import Database
from backend.db.tables import GuildPolicyRow
from backend.domain.policies import PolicyRevision
from backend.service import on_record

# Any number will do, as long as nobody else on the server uses it with a second one: "poli".
CHANGING_LOCK = int.from_bytes(b"poli", "big")


class SqlGuildPolicies:
    """The `GuildPolicies` of SQLite and PostgreSQL."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    async def newest(self, guild_id: str) -> PolicyRevision | None:
        query = _of(guild_id).order_by(col(GuildPolicyRow.version).desc()).limit(1)
        async with self._database.read() as session:
            row = (await session.exec(query)).one_or_none()
            return None if row is None else _revision_of(row)

    async def history(self, guild_id: str) -> list[PolicyRevision]:
        query = _of(guild_id).order_by(col(GuildPolicyRow.version))
        async with self._database.read() as session:
            return [_revision_of(row) for row in await session.exec(query)]

    async def add(
        self, guild_id: str, *, document: str | None, author: str, at: datetime, actor: str = ""
    ) -> PolicyRevision:
        last = select(func.max(GuildPolicyRow.version)).where(
            col(GuildPolicyRow.guild_id) == guild_id
        )
        async with self._database.write() as session:
            if self._database.kind == "postgresql":
                lock = func.pg_advisory_xact_lock(CHANGING_LOCK, func.hashtext(guild_id))
                await session.exec(select(lock))
            version = ((await session.exec(last)).one() or 0) + 1
            row = GuildPolicyRow(
                guild_id=guild_id, version=version, document=document, author=author, at=at
            )
            session.add(row)
            revision = _revision_of(row)
            append(session, on_record.policy_change(revision, actor=actor))
            return revision


def _of(guild_id: str) -> SelectOfScalar[GuildPolicyRow]:
    return select(GuildPolicyRow).where(col(GuildPolicyRow.guild_id) == guild_id)


def _revision_of(row: GuildPolicyRow) -> PolicyRevision:
    return PolicyRevision(
        guild_id=row.guild_id,
        version=row.version,
        document=row.document,
        author=row.author,
        at=row.at,
    )
