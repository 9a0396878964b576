"""The books in both databases: nothing is rewritten, nothing is booked alone or twice."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError

from backend.billing.ledger import Entry, EntryKind
from backend.db import migrate
from backend.db.audit import SqlAudit
from backend.db.sessions import Database
from backend.db.stores import SqlBooks, SqlJobStore
from backend.domain.jobs import Change, Job, JobState
from tests.builders import a_birth, a_job, a_result, at

HOLD = Entry(kind=EntryKind.HOLD, stay=0, gpu_ms=3000)
REFUND = Entry(kind=EntryKind.REFUND, stay=0, gpu_ms=-3000)


@pytest.fixture
def store(database: Database) -> SqlJobStore:
    return SqlJobStore(database=database)


async def waiting(store: SqlJobStore) -> Job:
    return await store.add(a_birth(a_job(predicted_s=3.0)), fingerprint="f")


@pytest.mark.parametrize("rewriting", ["UPDATE ledger SET gpu_ms = 0", "DELETE FROM ledger"])
async def test_nobody_rewrites_the_books(database: Database, store: SqlJobStore, rewriting: str):
    job = await waiting(store)
    with pytest.raises(DBAPIError, match="append-only"):
        async with database.write() as session:
            await (await session.connection()).execute(text(rewriting))
    assert await SqlBooks(database=database).entries(job.id) == [HOLD]


async def test_a_second_refund_is_refused_together_with_the_move_that_asks_for_it(
    database: Database, store: SqlJobStore
):
    job = await waiting(store)

    def cancel_again(job: Job) -> Change:
        return replace(job, state=JobState.QUEUED).cancel(now=at(9))

    cancelled = await store.change(job.id, lambda job: job.cancel(now=at(8)))
    with pytest.raises(IntegrityError):
        await store.change(job.id, cancel_again)
    assert await store.get(job.id) == cancelled
    assert await SqlBooks(database=database).entries(job.id) == [HOLD, REFUND]


async def test_the_audit_reads_all_books(database: Database, store: SqlJobStore):
    first, second = await waiting(store), await waiting(store)
    await store.change(first.id, lambda job: job.cancel(now=at(8)))
    entries = await SqlAudit(database=database).entries()
    assert entries == {first.id: [HOLD, REFUND], second.id: [HOLD]}


@pytest.fixture(params=["sqlite", "postgres"])
async def older_database(request: pytest.FixtureRequest, tmp_path) -> AsyncIterator[Database]:
    """A database of the release before the ledger, with a job that is being drawn."""
    url = f"sqlite:///{tmp_path / 'old.db'}"
    if request.param == "postgres":
        url = request.getfixturevalue("empty_postgres_url")
    await asyncio.to_thread(migrate.upgrade, url, "0002")
    database = Database(url)
    async with database.write() as session:
        await (await session.connection()).execute(
            text(
                "INSERT INTO jobs (id, account_id, fingerprint, family, tier, state, version,"
                " attempt, losses, seed, created_at, updated_at, lease_worker, lease_until,"
                " request, spec, clearances) VALUES ('gen_old', 'discord:alice', 'f', 'sdxl',"
                " 'fast', 'rendering', 2, 1, 0, 7, '2026-01-01 12:00:00', '2026-01-01 12:00:00',"
                " 'w', '2026-01-01 12:01:00',"
                ' \'{"requester": {"account_id": "discord:alice", "surface": "discord"},'
                ' "prompt": "a fox"}\', \'{"positive": [{"text": "a fox"}]}\', \'[]\')'
            )
        )
    await database.close()
    await asyncio.to_thread(migrate.upgrade, url)
    database = Database(url)
    yield database
    await database.close()


async def test_a_job_older_than_the_books_is_finished_and_settled(older_database: Database):
    (old,) = await SqlAudit(database=older_database).jobs()
    assert (old.id, old.predicted_s) == ("gen_old", 0.0)
    store = SqlJobStore(database=older_database)
    await store.change(old.id, lambda job: job.deliver(attempt=1, result=a_result(), now=at(9)))
    settled = Entry(kind=EntryKind.SETTLE, stay=0, gpu_ms=0)
    assert await SqlBooks(database=older_database).entries(old.id) == [settled]
