"""The audit log in SQL: recorded into by itself, read in bounded memory, and its signed heads."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from sqlalchemy import Row
from sqlalchemy import select as sa_select
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession
from sqlmodel.sql.expression import SelectOfScalar

from backend.db.audit_log import append
from backend.db.audit_tables import AuditEntryRow, AuditHeadRow, AuditTipRow
from backend.db.sessions import Database
from safety.errors import AnchorUnusable
from safety.moderation.audit import AuditEntry, ChainedEntry, Head

PAGE: Final = 500
# What reading ends in where a row holds what was never written into it.
_SPOILT: Final = (ValueError, TypeError)
_NEVER: Final = datetime(1970, 1, 1, tzinfo=UTC)

_COLUMNS: Final = (
    col(AuditEntryRow.number),
    col(AuditEntryRow.at),
    col(AuditEntryRow.action),
    col(AuditEntryRow.actor),
    col(AuditEntryRow.subject),
    col(AuditEntryRow.outcome),
    col(AuditEntryRow.detail),
    col(AuditEntryRow.hash),
)


class Tip(NamedTuple):
    """How many entries the log says it has, and the hash of the last."""

    entries: int
    hash: str


class SqlAuditLog:
    """The `AuditLog` and the `SealedLog` of SQLite and PostgreSQL."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    async def record(self, entry: AuditEntry) -> None:
        async with self._database.write() as session:
            append(session, entry)

    async def last(self, action: str, subject: str) -> AuditEntry | None:
        query = (
            sa_select(*_COLUMNS)
            .where(col(AuditEntryRow.action) == action, col(AuditEntryRow.subject) == subject)
            .order_by(col(AuditEntryRow.number).desc())
            .limit(1)
        )
        async with self._database.read() as session:
            found = (await (await session.connection()).execute(query)).one_or_none()
            return None if found is None else _chained(found).entry

    async def tip(self) -> Tip:
        """Return how many entries there are and the last one's hash."""
        async with self._database.read() as session:
            return await _tip_of(session)

    async def add_head(self, head: Head) -> None:
        """Keep a signed head."""
        async with self._database.write() as session:
            session.add(AuditHeadRow(**vars(head)))

    @asynccontextmanager
    async def reading(self) -> AsyncIterator["AuditReading"]:
        """Open the log as it is at one moment, however many others write to it meanwhile.

        Raises:
            Unavailable: the database does not answer.

        """
        async with self._database.read() as session:
            if self._database.kind == "postgresql":
                await session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
            yield AuditReading(session)


class AuditReading:
    """The log as it was at one moment."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def tip(self) -> Tip:
        """Return how many entries there should be, and the last one's hash."""
        return await _tip_of(self._session)

    async def newest_head(self) -> Head | None:
        """Return the head of the most entries, or None.

        Raises:
            AnchorUnusable: it holds what no head does.

        """
        query = select(AuditHeadRow).order_by(
            col(AuditHeadRow.entries).desc(), col(AuditHeadRow.sequence).desc()
        )
        return next(iter(await self._heads(query.limit(1))), None)

    async def heads(self) -> list[Head]:
        """Return all heads, signatures unchecked.

        Raises:
            AnchorUnusable: one holds what no head does.

        """
        return await self._heads(select(AuditHeadRow).order_by(col(AuditHeadRow.sequence)))

    async def _heads(self, query: SelectOfScalar[AuditHeadRow]) -> list[Head]:
        try:
            return [_head_of(row) for row in await self._session.exec(query)]
        except _SPOILT as error:
            raise AnchorUnusable("a head in the database is none") from error

    async def entries(self, *, after: int = 0) -> AsyncIterator[ChainedEntry]:
        """Yield the entries behind a number, in order, a page in memory at a time.

        One that cannot be read as an entry any more has no hash, so that nothing fits it.
        """
        while True:
            page = await self._page(after)
            for chained in page:
                after = chained.number
                yield chained
            if len(page) < PAGE:
                return

    async def _page(self, after: int) -> list[ChainedEntry]:
        connection = await self._session.connection()
        number = col(AuditEntryRow.number)
        query = sa_select(*_COLUMNS).where(number > after).order_by(number).limit(PAGE)
        try:
            return [_chained(row) for row in await connection.execute(query)]
        except _SPOILT:
            numbers = sa_select(number).where(number > after).order_by(number).limit(PAGE)
            found = (await connection.execute(numbers)).scalars().all()
            return [await self._one(connection, one) for one in found]

    async def _one(self, connection: AsyncConnection, number: int) -> ChainedEntry:
        query = sa_select(*_COLUMNS).where(col(AuditEntryRow.number) == number)
        try:
            return _chained((await connection.execute(query)).one())
        except _SPOILT:
            entry = AuditEntry(action="entry.spoilt", actor="", subject="", outcome="", at=_NEVER)
            return ChainedEntry(number=number, entry=entry, hash="")


async def _tip_of(session: AsyncSession) -> Tip:
    row = (await session.exec(select(AuditTipRow))).one_or_none()
    # Without its row nothing can be appended; whoever verifies goes by the entries and heads.
    return Tip(0, "") if row is None else Tip(row.entries, row.hash)


def _chained(row: Row[int, datetime, str, str, str, str, dict[str, Any], str]) -> ChainedEntry:
    number, at, action, actor, subject, outcome, detail, last_hash = row
    words = (action, actor, subject, outcome, last_hash)
    if not all(isinstance(word, str) for word in words) or not isinstance(detail, dict):
        raise TypeError("an entry is words")
    entry = AuditEntry(
        action=action,
        actor=actor,
        subject=subject,
        outcome=outcome,
        detail=detail,
        at=at,
        is_stored=True,
    )
    return ChainedEntry(number=number, entry=entry, hash=last_hash)


def _head_of(row: AuditHeadRow) -> Head:
    return Head(
        entries=row.entries,
        hash=row.hash,
        at=row.at,
        key_id=row.key_id,
        signature=row.signature,
    )
