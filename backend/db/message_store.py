"""The Discord messages in which jobs are shown, in SQL."""

from dataclasses import asdict, replace

from sqlalchemy import update
from sqlmodel import col, select

from backend.db.sessions import Database
from backend.db.tables import DiscordMessageRow
from backend.domain.deliveries import DiscordMessage
from backend.domain.requests import JobId


class SqlMessageStore:
    """The `MessageStore` of SQLite and PostgreSQL."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    async def save(self, message: DiscordMessage) -> None:
        async with self._database.write() as session:
            row = await session.get(DiscordMessageRow, message.job_id, with_for_update=True)
            if row is not None and row.message_id == message.message_id:
                # The same message with a new token still shows what it showed.
                message = replace(
                    message,
                    shown_version=max(row.shown_version, message.shown_version),
                    is_final=row.is_final or message.is_final,
                )
            await session.merge(DiscordMessageRow(**asdict(message)))

    async def get(self, job_id: JobId) -> DiscordMessage | None:
        async with self._database.read() as session:
            row = await session.get(DiscordMessageRow, job_id)
            return None if row is None else _message_of(row)

    async def unfinished(self, application_id: int) -> list[DiscordMessage]:
        query = (
            select(DiscordMessageRow)
            .where(
                col(DiscordMessageRow.application_id) == application_id,
                col(DiscordMessageRow.is_final).is_(False),
            )
            .order_by(col(DiscordMessageRow.token_created_at), col(DiscordMessageRow.job_id))
        )
        async with self._database.read() as session:
            return [_message_of(row) for row in await session.exec(query)]

    async def mark_shown(self, job_id: JobId, *, version: int, is_final: bool) -> None:
        statement = (
            update(DiscordMessageRow)
            .where(
                col(DiscordMessageRow.job_id) == job_id,
                col(DiscordMessageRow.shown_version) <= version,
            )
            .values(shown_version=version, **({"is_final": True} if is_final else {}))
        )
        async with self._database.write() as session:
            await session.exec(statement)

    async def reopen(self, job_id: JobId) -> None:
        statement = (
            update(DiscordMessageRow)
            .where(col(DiscordMessageRow.job_id) == job_id)
            .values(is_final=False)
        )
        async with self._database.write() as session:
            await session.exec(statement)


def _message_of(row: DiscordMessageRow) -> DiscordMessage:
    return DiscordMessage(**{**row.model_dump(), "job_id": JobId(row.job_id)})
