"""The stores under one contract: in memory, in SQLite, in PostgreSQL."""

import shutil
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from backend.db.migrate import upgrade
from backend.db.sessions import Database
from backend.db.stores import SqlJobStore, SqlKeyStore, SqlMessageStore, SqlReviewStore
from backend.service.ports import JobStore, KeyStore, MessageStore, ReviewStore
from tests.fakes.servers import postgres_database
from tests.fakes.stores import (
    Memory,
    MemoryJobStore,
    MemoryKeyStore,
    MemoryMessageStore,
    MemoryReviewStore,
)


@dataclass(frozen=True, kw_only=True)
class Stores:
    """One set of the four stores over the same data."""

    jobs: JobStore
    reviews: ReviewStore
    messages: MessageStore
    keys: KeyStore


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("sqlite") / "migrated.db"
    upgrade(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def migrated_postgres(postgres_url: str) -> Iterator[str]:
    """The name of a migrated database, to be copied."""
    with postgres_database(postgres_url) as url:
        upgrade(url)
        yield url.split("/t_")[1].split("?")[0]


@pytest.fixture
def sqlite_url(migrated_sqlite: Path, tmp_path: Path) -> str:
    """The URL of a migrated SQLite database for this test alone."""
    path = tmp_path / "impasto.db"
    shutil.copy(migrated_sqlite, path)
    return f"sqlite:///{path}"


@pytest.fixture
def migrated_postgres_url(postgres_url: str, migrated_postgres: str) -> Iterator[str]:
    """The URL of a migrated PostgreSQL database for this test alone."""
    with postgres_database(postgres_url, template=f"t_{migrated_postgres}") as url:
        yield url


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest) -> str:
    """The URL of a migrated database, of either kind."""
    name = "sqlite_url" if request.param == "sqlite" else "migrated_postgres_url"
    url: str = request.getfixturevalue(name)
    return url


def sql_stores(database: Database) -> Stores:
    return Stores(
        jobs=SqlJobStore(database=database),
        reviews=SqlReviewStore(database=database),
        messages=SqlMessageStore(database=database),
        keys=SqlKeyStore(database=database),
    )


def memory_stores() -> Stores:
    memory = Memory()
    return Stores(
        jobs=MemoryJobStore(memory=memory),
        reviews=MemoryReviewStore(memory=memory),
        messages=MemoryMessageStore(),
        keys=MemoryKeyStore(),
    )


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    database = Database(database_url)
    yield database
    await database.close()


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def store_url(request: pytest.FixtureRequest) -> str | None:
    names = {"sqlite": "sqlite_url", "postgres": "migrated_postgres_url"}
    return request.getfixturevalue(names[request.param]) if request.param in names else None


@pytest.fixture
async def stores(store_url: str | None) -> AsyncIterator[Stores]:
    if store_url is None:
        yield memory_stores()
        return
    database = Database(store_url)
    yield sql_stores(database)
    await database.close()
