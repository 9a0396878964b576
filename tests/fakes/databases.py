"""Fixtures: migrated databases, one for each test, copied from one that was migrated once."""

import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from sqlalchemy import make_url

from backend.db.migrate import upgrade
from backend.db.sessions import Database
from tests.fakes.servers import postgres_database


@pytest.fixture(scope="session")
def migrated_sqlite(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated SQLite file, to be copied."""
    path = tmp_path_factory.mktemp("sqlite") / "migrated.db"
    upgrade(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def migrated_postgres(postgres_url: str) -> Iterator[str]:
    """The name of a migrated database, to be copied."""
    with postgres_database(postgres_url) as url:
        upgrade(url)
        yield str(make_url(url).database)


@pytest.fixture
def sqlite_url(migrated_sqlite: Path, tmp_path: Path) -> str:
    """The URL of a migrated SQLite database for this test alone."""
    path = tmp_path / "impasto.db"
    shutil.copy(migrated_sqlite, path)
    return f"sqlite:///{path}"


@pytest.fixture
def migrated_postgres_url(postgres_url: str, migrated_postgres: str) -> Iterator[str]:
    """The URL of a migrated PostgreSQL database for this test alone."""
    with postgres_database(postgres_url, template=migrated_postgres) as url:
        yield url


@pytest.fixture(params=["sqlite", "postgres"])
def database_url(request: pytest.FixtureRequest) -> str:
    """The URL of a migrated database, of either kind."""
    name = "sqlite_url" if request.param == "sqlite" else "migrated_postgres_url"
    url: str = request.getfixturevalue(name)
    return url


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """Connections to a migrated database, of either kind."""
    database = Database(database_url)
    yield database
    await database.close()
