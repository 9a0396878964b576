"""What guilds had for policies in both databases: no row is ever changed."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from backend.db.audit_store import SqlAuditLog
from backend.db.sessions import Database
from backend.db.stores import SqlGuildPolicies
from tests.builders import at


@pytest.mark.parametrize(
    "rewriting", ["UPDATE guild_policies SET author = 'eve'", "DELETE FROM guild_policies"]
)
async def test_nobody_rewrites_what_once_held(database: Database, rewriting: str):
    store = SqlGuildPolicies(database=database)
    kept = await store.add("1", document="a", author="ann", at=at(1))
    with pytest.raises(DBAPIError, match="append-only"):
        async with database.write() as session:
            await (await session.connection()).execute(text(rewriting))
    assert await store.history("1") == [kept]


async def test_every_change_of_a_policy_is_on_record_with_it(database: Database):
    store = SqlGuildPolicies(database=database)
    await store.add("1", document="a", author="ann", at=at(1))
    await store.add("1", document=None, author="bob", at=at(2), actor="discord:4711")
    log = SqlAuditLog(database=database)
    made, gone = [await log.last(f"policy.{what}", "guild:1") for what in ("set", "unset")]
    assert made is not None
    assert (made.actor, made.detail["version"]) == ("operator:ann", "1")
    assert len(made.detail["sha256"]) == 64
    assert gone is not None
    assert (gone.actor, gone.detail) == ("discord:4711", {"version": "2"})
