"""The database's clock, by which leases go, whatever a host believes."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from backend.db.clock import DatabaseClock
from backend.db.sessions import Database
from backend.domain.errors import Unavailable
from tests.fakes.servers import free_port


async def test_it_tells_the_databases_time_and_carries_it_on(database: Database) -> None:
    passed_s = 100.0
    clock = DatabaseClock(database=database, monotonic=lambda: passed_s)
    before = datetime.now(UTC)
    await clock.set()
    told = clock()
    # Both run on this host; a millisecond is what SQLite cuts off.
    assert before - timedelta(milliseconds=1) <= told <= datetime.now(UTC)
    passed_s += 3600
    assert clock() - told == timedelta(hours=1)


async def test_a_clock_that_was_never_set_tells_nothing(database: Database) -> None:
    with pytest.raises(Unavailable):
        DatabaseClock(database=database)()


async def test_the_database_is_waited_for_until_one_is_told_to_stop() -> None:
    away = Database(f"postgresql+psycopg://nobody@127.0.0.1:{free_port()}/none")
    clock, stop = DatabaseClock(database=away), asyncio.Event()
    with pytest.raises(Unavailable):
        await clock.set()
    stopping = asyncio.get_running_loop().call_later(0.1, stop.set)
    async with asyncio.timeout(60), clock.kept(stop):
        assert stop.is_set()
    stopping.cancel()
    await away.close()


async def test_while_it_is_kept_it_is_set(database: Database) -> None:
    clock = DatabaseClock(database=database)
    async with clock.kept(asyncio.Event()):
        assert abs(clock() - datetime.now(UTC)) < timedelta(minutes=1)
