"""Bring a database to the newest tables, or back; safe when several processes start at once."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from sqlalchemy import Connection, Engine, NullPool, create_engine, event, inspect, text
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import InterfaceError, OperationalError
from sqlalchemy.pool import ConnectionPoolEntry

from backend.db.urls import sync_url
from backend.domain.errors import Unavailable

MIGRATIONS = Path(__file__).parent / "migrations"
_NOTED: Final = "alembic_version"
LOCK_TIMEOUT_S = 60
LOCK_POLL_S = 0.02
# Any number will do, as long as nobody else on the server uses it: "impasto" in ASCII.
ADVISORY_LOCK = int.from_bytes(b"impasto", "big")


def upgrade(database_url: str, revision: str = "head") -> None:
    """Bring the tables up to a revision; a SQLite file and its folder are created.

    Raises:
        Unavailable: the database does not answer.

    """
    with locked_connection(database_url) as connection:
        if revision == "head" and _is_newest(connection):
            return
        # Every command comes by here, and hardly one has a step to make.
        from backend.db.revisions import step_up

        step_up(connection, revision)


def is_current(database_url: str) -> bool:
    """Tell whether the database has the newest tables.

    Raises:
        Unavailable: the database does not answer.

    """
    url = sync_url(database_url)
    if url.get_backend_name() == "sqlite" and not Path(str(url.database)).exists():
        return False
    with _connection(create_engine(url, poolclass=NullPool)) as connection:
        return _is_newest(connection)


def _is_newest(connection: Connection) -> bool:
    """Compare the revision that alembic noted with the last of our files: they are one line."""
    if not inspect(connection).has_table(_NOTED):
        return False
    newest = max(path.name[:4] for path in (MIGRATIONS / "versions").glob("[0-9]*.py"))
    noted = connection.execute(text(f"SELECT version_num FROM {_NOTED}"))  # noqa: S608 - our own name
    return noted.scalars().all() == [newest]


@contextmanager
def locked_connection(database_url: str) -> Iterator[Connection]:
    """Yield a connection in a transaction that only one process at a time can hold."""
    with _connection(_engine(database_url)) as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": ADVISORY_LOCK})
        yield connection


@contextmanager
def _connection(engine: Engine) -> Iterator[Connection]:
    try:
        with engine.begin() as connection:
            yield connection
    except (OperationalError, InterfaceError) as error:
        raise Unavailable from error
    finally:
        engine.dispose()


def _engine(database_url: str) -> Engine:
    url = sync_url(database_url)
    if url.get_backend_name() == "postgresql":
        return create_engine(url, poolclass=NullPool, connect_args={"connect_timeout": 10})
    if url.database is not None:
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(url, poolclass=NullPool, connect_args={"timeout": LOCK_TIMEOUT_S})

    @event.listens_for(engine, "connect")
    def prepare(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
        # Foreign keys stay off: a batch migration drops and renames tables that others point to.
        connection.isolation_level = None
        _switch_to_wal(connection)

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN EXCLUSIVE")

    return engine


def _switch_to_wal(connection: DBAPIConnection) -> None:
    # SQLite does not wait for this lock as it does for others: of six processes that began at once
    # on a new file, one was refused every few runs.
    deadline = time.monotonic() + LOCK_TIMEOUT_S
    cursor = connection.cursor()
    while True:
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            is_locked = error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY
            if not is_locked or time.monotonic() > deadline:
                raise
            time.sleep(LOCK_POLL_S)
        else:
            break
    cursor.close()
