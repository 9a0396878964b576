"""Migrations, up and down, on empty databases of both kinds."""

import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import create_engine, inspect

from backend.db.migrate import is_current, upgrade
from backend.db.revisions import check, downgrade
from backend.db.tables import Row
from backend.db.urls import sync_url
from backend.domain.errors import Unavailable
from tests.integration.db.processes import PROCESSES, at_once, migrate

NOBODY_LISTENS = "postgresql://postgres@127.0.0.1:1/impasto"


@pytest.fixture(params=["sqlite", "postgres"])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database, of either kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'impasto.db'}"
    url: str = request.getfixturevalue("empty_postgres_url")
    return url


def tables(url: str) -> set[str]:
    engine = create_engine(sync_url(url))
    try:
        return set(inspect(engine).get_table_names())
    finally:
        engine.dispose()


def test_up_down_and_up_again(empty_url: str):
    upgrade(empty_url)
    assert tables(empty_url) == {"alembic_version", *Row.metadata.tables}
    downgrade(empty_url, "base")
    assert tables(empty_url) == {"alembic_version"}
    upgrade(empty_url)
    assert tables(empty_url) == {"alembic_version", *Row.metadata.tables}


def test_migrations_lead_exactly_to_the_tables(empty_url: str):
    upgrade(empty_url)
    check(empty_url)


def test_a_second_upgrade_does_nothing_and_none_says_anything(
    empty_url: str, capfd: pytest.CaptureFixture[str]
):
    upgrade(empty_url)
    upgrade(empty_url)
    check(empty_url)
    assert capfd.readouterr() == ("", "")


def test_a_database_knows_whether_it_is_current(empty_url: str):
    assert not is_current(empty_url)
    upgrade(empty_url)
    assert is_current(empty_url)
    downgrade(empty_url, "base")
    assert not is_current(empty_url)


def test_processes_may_upgrade_at_once(empty_url: str):
    assert at_once(migrate, empty_url) == [0] * PROCESSES
    assert is_current(empty_url)


def test_asking_for_the_revision_creates_no_file(tmp_path: Path):
    path = tmp_path / "impasto.db"
    assert not is_current(f"sqlite:///{path}")
    assert not path.exists()


def test_an_upgrade_creates_the_folder_whatever_its_name(tmp_path: Path):
    path = tmp_path / "mühle 50%" / "deep" / "impasto.db"
    upgrade(f"sqlite:///{path}")
    with sqlite3.connect(path) as connection:
        mode = connection.execute("PRAGMA journal_mode").fetchone()
    connection.close()
    assert mode == ("wal",)


def test_a_migration_that_fails_leaves_nothing_behind(tmp_path: Path):
    path = tmp_path / "impasto.db"
    with sqlite3.connect(path) as connection:
        # In the way of the last table that the first migration creates.
        connection.execute("CREATE TABLE reviews (id TEXT)")
    connection.close()
    with pytest.raises(Unavailable):
        upgrade(f"sqlite:///{path}")
    assert tables(f"sqlite:///{path}") == {"reviews"}


@pytest.mark.parametrize("action", [upgrade, check, is_current])
def test_a_server_that_does_not_answer_is_unavailable(action):
    with pytest.raises(Unavailable):
        action(NOBODY_LISTENS)
