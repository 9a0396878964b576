"""Connections and transactions, on SQLite and on PostgreSQL.

On SQLite a transaction that writes begins with BEGIN IMMEDIATE: a deferred one that reads first
fails at once with "database is locked" when another has written meanwhile, busy timeout or not
(563 of 1,200 transactions from four processes; none with BEGIN IMMEDIATE). Readers have an engine
of their own, so that they never wait.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from typing import Any

import aiosqlite
from sqlalchemy import URL, Connection, Dialect, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import InterfaceError, InternalError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.db.audit_log import write_waiting
from backend.db.urls import async_url
from backend.domain.errors import Unavailable

BUSY_TIMEOUT_MS = 10_000
POOL_TIMEOUT_S = 30.0
CONNECT_TIMEOUT_S = 10
KEEPALIVE_S = 5
POOL_SIZE = 5


class Database:
    """A database by URL: `sqlite:///file` or `postgresql://…`; connects when first used.

    Belongs to the event loop that uses it. Inside a `write()` do not open another one.
    """

    def __init__(self, url: str) -> None:
        parsed = async_url(url)
        self.kind = parsed.get_backend_name()
        if parsed.get_backend_name() == "sqlite":
            self._writer = _sqlite_engine(parsed, begin="BEGIN IMMEDIATE", pool_size=1)
            self._reader = _sqlite_engine(parsed, begin="BEGIN", pool_size=POOL_SIZE)
        else:
            self._writer = self._reader = _postgres_engine(parsed)

    def write(self) -> AbstractAsyncContextManager[AsyncSession]:
        """Open a transaction that is committed at the end, or rolled back when something is raised.

        What `audit_log.append` was handed in it is committed with it.

        Raises:
            Unavailable: the database is busy for too long, full or gone, or its audit log is.

        """
        return _recorded(self._writer)

    def read(self) -> AbstractAsyncContextManager[AsyncSession]:
        """Open a transaction for reading only.

        Raises:
            Unavailable: the database is gone.

        """
        return _transaction(self._reader)

    async def close(self) -> None:
        """Close all connections."""
        await self._writer.dispose()
        await self._reader.dispose()


@asynccontextmanager
async def _transaction(engine: AsyncEngine) -> AsyncIterator[AsyncSession]:
    with _unavailable_when_gone():
        async with AsyncSession(engine, expire_on_commit=False) as session, session.begin():
            yield session


@asynccontextmanager
async def _recorded(engine: AsyncEngine) -> AsyncIterator[AsyncSession]:
    async with _transaction(engine) as session:
        yield session
        await write_waiting(session)


@contextmanager
def _unavailable_when_gone() -> Iterator[None]:
    try:
        yield
    except (OperationalError, InterfaceError, InternalError, PoolTimeoutError) as error:
        raise Unavailable from error


def _postgres_engine(url: URL) -> AsyncEngine:
    return create_async_engine(
        url,
        # A logged exception would otherwise carry prompts.
        hide_parameters=True,
        # A connection may have died while idle (server restart, firewall): ask before use.
        pool_pre_ping=True,
        pool_size=POOL_SIZE,
        pool_timeout=POOL_TIMEOUT_S,
        connect_args={
            "connect_timeout": CONNECT_TIMEOUT_S,
            "application_name": "impasto",
            # A host that is cut off says nothing at all, for which TCP would wait two hours.
            "keepalives_idle": KEEPALIVE_S,
            "keepalives_interval": KEEPALIVE_S,
            "keepalives_count": 2,
            "tcp_user_timeout": 3000 * KEEPALIVE_S,
        },
    )


def _sqlite_engine(url: URL, *, begin: str, pool_size: int) -> AsyncEngine:
    # One writing connection: writers of this process then queue in order here, rather than poll the
    # file's lock, which is unfair.
    engine = create_async_engine(
        url,
        hide_parameters=True,
        pool_size=pool_size,
        max_overflow=0,
        pool_timeout=POOL_TIMEOUT_S,
    )

    @event.listens_for(engine.sync_engine, "do_connect")
    def use_open(
        _dialect: Dialect, _entry: ConnectionPoolEntry, _words: list[str], names: dict[str, object]
    ) -> None:
        names["async_creator_fn"] = _open

    @event.listens_for(engine.sync_engine, "connect")
    def prepare(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
        # The driver's own BEGIN would come too late and be the wrong one.
        connection.isolation_level = None
        cursor = connection.cursor()
        for pragma in (
            f"busy_timeout={BUSY_TIMEOUT_MS}",
            "journal_mode=WAL",
            "synchronous=NORMAL",
            "foreign_keys=ON",
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def begin_transaction(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine


async def _open(path: str, **options: Any) -> aiosqlite.Connection:  # noqa: ANN401 - sqlite3's own
    """Open a file; when that fails, wait for the connection's thread to end.

    It has a last word for the event loop, and would fail loudly were the loop closed by then.
    """
    connection = aiosqlite.connect(path, **options)
    thread = connection._thread  # noqa: SLF001 - as SQLAlchemy does in the function this replaces
    thread.daemon = True
    try:
        return await connection
    except BaseException:
        await asyncio.to_thread(thread.join)
        raise
