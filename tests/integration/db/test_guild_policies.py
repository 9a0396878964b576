"""What guilds had for policies in both databases: no row is ever changed."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

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
