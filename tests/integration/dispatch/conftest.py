"""A shop floor over a fresh table and an empty Valkey."""

import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from backend.db.migrate import upgrade
from backend.db.sessions import Database
from tests.fakes.servers import ValkeyServer
from tests.integration.dispatch.floor import Floor


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("dispatch") / "migrated.db"
    upgrade(f"sqlite:///{path}")
    return path


@pytest.fixture
async def database(migrated_file: Path, tmp_path: Path) -> AsyncIterator[Database]:
    path = tmp_path / "impasto.db"
    shutil.copy(migrated_file, path)
    database = Database(f"sqlite:///{path}")
    yield database
    await database.close()


@pytest.fixture
async def floor(redis_url: str, database: Database) -> AsyncIterator[Floor]:
    floor = Floor(redis_url=redis_url, database=database)
    yield floor
    floor.app.close()
    await floor.redis.aclose()


@pytest.fixture
async def own_floor(valkey_server: ValkeyServer, database: Database) -> AsyncIterator[Floor]:
    """A floor on a server that this test may kill."""
    floor = Floor(redis_url=valkey_server.url, database=database)
    yield floor
    floor.app.close()
    await floor.redis.aclose()
