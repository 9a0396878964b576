"""A start puts the policy in force on record, and waits for no database to do so."""

import asyncio

import pytest

from backend.bootstrap.audit import policy_told
from backend.db.sessions import Database
from backend.db.stores import SqlAuditLog
from backend.settings import Settings
from safety.policy import DEFAULT_POLICY
from tests.builders import NOW


def clock():
    return NOW


async def test_the_policy_in_force_is_on_record_soon_after_a_start(sqlite_url: str, tmp_path):
    database = Database(sqlite_url)
    log = SqlAuditLog(database=database)
    async with policy_told(database, Settings(home=tmp_path), clock=clock):
        for _ in range(2000):
            told = await log.last("policy.in_force", "policy")
            if told is not None:
                break
    assert told is not None
    assert told.detail["policy"] == DEFAULT_POLICY.id
    assert told.outcome == "added"
    await database.close()


@pytest.mark.parametrize("url", ["sqlite:////nowhere/at/all.db", "postgresql://x@127.0.0.1:9/x"])
async def test_a_start_does_not_wait_for_a_database_that_is_away(url: str, tmp_path):
    database = Database(url)
    async with asyncio.timeout(5), policy_told(database, Settings(home=tmp_path), clock=clock):
        pass
    await database.close()
