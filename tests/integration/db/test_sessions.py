"""Connections: lost, busy, full, cancelled."""

import asyncio
import sqlite3
from pathlib import Path

import psycopg
import pytest
from sqlmodel import col, select, text

from backend.db import sessions
from backend.db.sessions import Database
from backend.db.stores import SqlJobStore
from backend.db.tables import JobRow
from backend.domain.errors import Unavailable
from backend.domain.jobs import Job
from tests.builders import a_birth, a_job, a_request, at


async def stored(database: Database, **fields) -> Job:
    return await SqlJobStore(database=database).add(a_birth(a_job(**fields)), fingerprint="f")


async def test_what_is_raised_inside_passes_through_and_nothing_is_written(database: Database):
    job = await stored(database)

    async def write_and_fail() -> None:
        async with database.write() as session:
            row = (await session.exec(select(JobRow).where(col(JobRow.id) == job.id))).one()
            row.attempt = 9
            await session.flush()
            raise KeyError

    with pytest.raises(KeyError):
        await write_and_fail()
    assert await SqlJobStore(database=database).get(job.id) == job


async def test_a_cancelled_writer_leaves_the_way_free(database: Database):
    job = await stored(database)
    inside = asyncio.Event()

    async def write_forever() -> None:
        async with database.write() as session:
            row = (await session.exec(select(JobRow).where(col(JobRow.id) == job.id))).one()
            row.attempt = 9
            await session.flush()
            inside.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(write_forever())
    await inside.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    moved = await asyncio.wait_for(
        SqlJobStore(database=database).change(job.id, lambda job: job.cancel(now=at(1))), 20
    )
    assert moved is not None
    assert moved.attempt == 0


async def test_readers_do_not_wait_for_a_writer(database: Database):
    store = SqlJobStore(database=database)
    job = await stored(database)
    async with database.write() as session:
        row = (await session.exec(select(JobRow).where(col(JobRow.id) == job.id))).one()
        row.attempt = 9
        await session.flush()
        assert await asyncio.wait_for(store.get(job.id), 20) == job


async def test_a_lost_connection_is_replaced(migrated_postgres_url: str):
    database = Database(migrated_postgres_url)
    job = await stored(database)
    url = migrated_postgres_url.replace("+psycopg", "")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
    assert await SqlJobStore(database=database).get(job.id) == job
    await database.close()


async def test_a_connection_lost_in_mid_transaction_is_unavailable(migrated_postgres_url: str):
    database = Database(migrated_postgres_url)
    job = await stored(database)
    with pytest.raises(Unavailable):
        async with database.write() as session:
            await session.exec(text("SELECT pg_terminate_backend(pg_backend_pid())"))
    assert await SqlJobStore(database=database).get(job.id) == job
    await database.close()


@pytest.mark.parametrize(
    "url",
    ["postgresql://postgres@127.0.0.1:1/impasto", "sqlite:////nowhere/at/all/impasto.db"],
)
async def test_a_database_that_is_not_there_is_unavailable(url: str):
    database = Database(url)
    with pytest.raises(Unavailable):
        await stored(database)
    with pytest.raises(Unavailable):
        async with database.read() as session:
            await session.exec(select(JobRow))
    await database.close()


async def test_a_file_that_stays_locked_is_unavailable(
    sqlite_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(sessions, "BUSY_TIMEOUT_MS", 1)
    database = Database(sqlite_url)
    holder = sqlite3.connect(tmp_path / "impasto.db", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    with pytest.raises(Unavailable):
        await stored(database)
    holder.execute("ROLLBACK")
    holder.close()
    await stored(database)
    await database.close()


async def test_a_full_disk_is_unavailable_and_changes_nothing(sqlite_url: str):
    database = Database(sqlite_url)
    job = await stored(database)
    async with database.write() as session:
        await session.exec(text("PRAGMA max_page_count = 1"))
    with pytest.raises(Unavailable):
        await stored(database, request=a_request("very " * 100_000))
    assert await SqlJobStore(database=database).get(job.id) == job
    await database.close()
