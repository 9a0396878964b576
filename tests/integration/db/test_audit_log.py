"""The audit log in both databases: one chain whoever writes, refused to whoever would mend it."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from backend.db.audit_log import append
from backend.db.audit_store import PAGE, SqlAuditLog
from backend.db.sessions import Database
from backend.db.stores import SqlJobStore, SqlKeyStore, SqlReviewStore
from backend.domain.errors import Unavailable
from backend.domain.jobs import Block, JobState
from safety.moderation.audit import AuditEntry, Verification, Verifier
from tests.builders import a_birth, a_job, a_result, at
from tests.contract.db.test_key_store import KEY

NUDE = Block(stage="prompt", outcome="review", category="sexual", rule="sexual.named")


@pytest.fixture
def log(database: Database) -> SqlAuditLog:
    return SqlAuditLog(database=database)


@pytest.fixture
async def other(database_url: str) -> AsyncIterator[Database]:
    """Another process's connections to the same database."""
    database = Database(database_url)
    yield database
    await database.close()


def an_entry(number: int = 1, **fields) -> AuditEntry:
    given = {"action": "test.done", "actor": "a", "subject": f"thing:{number}", "outcome": "done"}
    return AuditEntry(**given | {"at": at(number)} | fields)


async def verified(log: SqlAuditLog) -> Verification:
    async with log.reading() as reading:
        verifier = Verifier(await reading.heads(), expected=(await reading.tip()).entries)
        async for chained in reading.entries():
            verifier.add(chained)
    return verifier.finish()


async def tamper(database: Database, *statements: str) -> None:
    """Do what somebody with the database's own password can do, triggers or not."""
    async with database.write() as session:
        connection = await session.connection()
        for statement in statements:
            await connection.execute(text(statement))


async def without_triggers(database: Database) -> None:
    if database.kind == "postgresql":
        tables = ("audit_entries", "audit_heads", "audit_tip")
        await tamper(database, *(f"ALTER TABLE {t} DISABLE TRIGGER USER" for t in tables))
        return
    names = ("audit_entries_no_update", "audit_entries_no_delete", "audit_tip_only_grows")
    await tamper(database, *(f"DROP TRIGGER {name}" for name in names))


async def filled(log: SqlAuditLog, count: int = 10) -> None:
    for number in range(1, count + 1):
        await log.record(an_entry(number))


async def test_writers_of_two_processes_make_one_chain(
    database: Database, other: Database, log: SqlAuditLog
):
    jobs = [SqlJobStore(database=database), SqlJobStore(database=other)]
    births = [a_birth(a_job()) for _ in range(30)]
    await asyncio.gather(
        *(jobs[i % 2].add(birth, fingerprint="f") for i, birth in enumerate(births)),
        *(SqlAuditLog(database=other).record(an_entry(i)) for i in range(30)),
    )
    assert await verified(log) == Verification(entries=60, ok=True)


async def test_transactions_that_lock_rows_in_whatever_order_do_not_wait_for_each_other(
    database: Database, other: Database, log: SqlAuditLog
):
    jobs = [SqlJobStore(database=database), SqlJobStore(database=other)]
    names = [(await jobs[0].add(a_birth(a_job()), fingerprint="f")).id for _ in range(2)]
    for turn in range(10):

        def hold(job, turn=turn):
            return (
                job.hold(block=NUDE, now=at(turn))
                if job.state is JobState.QUEUED
                else job.release(category="sexual", now=at(turn))
            )

        moves = [jobs[i].change(name, hold) for i in range(2) for name in names[:: 1 - 2 * i]]
        await asyncio.wait_for(asyncio.gather(*moves), 60)
    assert (await verified(log)).ok


async def test_what_is_rolled_back_is_not_on_record(database: Database, log: SqlAuditLog):
    await filled(log, 2)

    async def fail() -> None:
        async with database.write() as session:
            append(session, an_entry(3))
            raise KeyError

    with pytest.raises(KeyError):
        await fail()
    await log.record(an_entry(4))
    assert await verified(log) == Verification(entries=3, ok=True)


@pytest.mark.parametrize(
    "mending",
    [
        "UPDATE audit_entries SET outcome = 'x'",
        "DELETE FROM audit_entries",
        "UPDATE audit_tip SET entries = 1",
        "DELETE FROM audit_tip",
        "UPDATE audit_heads SET entries = 1",
        "DELETE FROM audit_heads",
    ],
)
async def test_nobody_mends_the_log(database: Database, log: SqlAuditLog, mending: str):
    await filled(log, 2)
    async with database.write() as session:
        await (await session.connection()).execute(
            text(
                "INSERT INTO audit_heads (entries, hash, at, key_id, signature)"
                " VALUES (2, 'h', '2026-01-01 12:00:00', 'k', 's')"
            )
        )
    with pytest.raises(DBAPIError, match=r"append-only|only grows"):
        await tamper(database, mending)
    assert (await log.tip()).entries == 2


@pytest.mark.parametrize(
    ("tampering", "first_bad"),
    [
        (["DELETE FROM audit_entries WHERE number = 4"], 4),
        (
            [
                "DELETE FROM audit_entries WHERE number = 4",
                "UPDATE audit_entries SET number = number - 100 WHERE number > 4",
                "UPDATE audit_entries SET number = number + 99 WHERE number < 0",
                "UPDATE audit_tip SET entries = 9",
            ],
            4,
        ),
        (["UPDATE audit_entries SET actor = 'somebody else' WHERE number = 7"], 7),
        (
            [
                "UPDATE audit_entries SET number = 100 WHERE number = 3",
                "UPDATE audit_entries SET number = 3 WHERE number = 8",
                "UPDATE audit_entries SET number = 8 WHERE number = 100",
            ],
            3,
        ),
        (["DELETE FROM audit_entries WHERE number > 8"], 9),
        (["DELETE FROM audit_entries"], 1),
    ],
    ids=["removed", "removed and closed up", "edited", "reordered", "cut short", "emptied"],
)
async def test_tampering_behind_the_triggers_is_found(
    database: Database, log: SqlAuditLog, tampering: list[str], first_bad: int
):
    await filled(log)
    await without_triggers(database)
    await tamper(database, *tampering)
    result = await verified(log)
    assert (result.ok, result.first_bad) == (False, first_bad)


async def test_entries_are_read_page_by_page(database: Database, log: SqlAuditLog):
    count = 2 * PAGE + 1
    async with database.write() as session:
        for number in range(count):
            append(session, an_entry(number))
    assert await verified(log) == Verification(entries=count, ok=True)
    async with log.reading() as reading:
        rest = [chained.number async for chained in reading.entries(after=count - 2)]
    assert rest == [count - 1, count]


async def test_a_reading_does_not_see_what_is_written_meanwhile(other: Database, log: SqlAuditLog):
    await filled(log, 3)
    async with log.reading() as reading:
        before = await reading.tip()
        await SqlAuditLog(database=other).record(an_entry(4))
        assert await reading.tip() == before
        assert [chained.number async for chained in reading.entries()] == [1, 2, 3]


async def lose(database: Database) -> None:
    """Take the log away, as an operator might who revokes the wrong right."""
    await tamper(database, "ALTER TABLE audit_entries RENAME TO audit_entries_gone")


async def test_without_the_log_no_prompt_is_accepted(database: Database):
    await lose(database)
    jobs = SqlJobStore(database=database)
    job = a_job()
    with pytest.raises(Unavailable):
        await jobs.add(a_birth(job), fingerprint="f")
    assert await jobs.get(job.id) is None


async def test_without_the_log_no_picture_is_delivered_and_none_is_released(database: Database):
    jobs, reviews = SqlJobStore(database=database), SqlReviewStore(database=database)
    drawing, nude = a_job(), a_job()
    await jobs.add(a_birth(drawing), fingerprint="f")
    await jobs.add(nude.hold(block=NUDE, now=at(0)), fingerprint="f")
    await jobs.change(drawing.id, lambda job: job.dispatch(now=at(1), until=at(9)))
    (review,) = await reviews.open_reviews(5)
    await lose(database)
    with pytest.raises(Unavailable):
        await jobs.change(
            drawing.id, lambda job: job.deliver(attempt=1, result=a_result(), now=at(2))
        )
    with pytest.raises(Unavailable):
        await reviews.decide(
            review.id, lambda r: r, lambda job: job.release(category="sexual", now=at(3))
        )
    assert (await jobs.get(drawing.id)).result is None
    assert (await jobs.get(nude.id)).state is JobState.BLOCKED
    # What is no decision goes on.
    await jobs.change(drawing.id, lambda job: job.cancel(now=at(4)))


async def test_without_the_log_no_key_is_made(database: Database):
    await lose(database)
    keys = SqlKeyStore(database=database)
    with pytest.raises(Unavailable):
        await keys.add(KEY)
    assert await keys.by_digest(KEY.digest) is None
