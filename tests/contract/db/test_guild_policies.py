"""What every `GuildPolicies` promises, and how the policies of guilds are set through it."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from backend.db.sessions import Database
from backend.db.stores import SqlGuildPolicies
from backend.domain.errors import BadInput
from backend.domain.requests import Place
from backend.service.policies import GuildPolicies, Policies
from safety.policy import Policy
from safety.verdict import Finding, Outcome
from tests.builders import at
from tests.fakes.policies import MemoryGuildPolicies

GUILD = "1234"
HERE, ELSEWHERE = (Place(guild_id=guild, channel_id="1") for guild in (GUILD, "99"))
STRICT = 'version = 1\nid = "school"\n[at_least]\nbrand = "block"'
SOFT = 'version = 1\nid = "school"\n[at_most]\nhate = "allow"'
BRAND = Finding(check="entities", outcome=Outcome.ALLOW, category="brand")


@pytest.fixture
async def guilds(store_url: str | None) -> AsyncIterator[GuildPolicies]:
    if store_url is None:
        yield MemoryGuildPolicies()
        return
    database = Database(store_url)
    yield SqlGuildPolicies(database=database)
    await database.close()


def over(guilds: GuildPolicies, house: Policy | None = None) -> Policies:
    return Policies(house=house or Policy(), guilds=guilds, clock=lambda: at(5))


async def test_every_change_is_a_new_version_and_none_is_lost(guilds: GuildPolicies):
    first = await guilds.add(GUILD, document="a", author="ann", at=at(1))
    second = await guilds.add(GUILD, document=None, author="bob", at=at(2))
    other = await guilds.add("5", document="b", author="ann", at=at(3))
    assert [first.version, second.version, other.version] == [1, 2, 1]
    assert await guilds.history(GUILD) == [first, second]
    assert await guilds.newest(GUILD) == second
    assert await guilds.newest("none") is None


async def test_many_changes_at_once_are_all_kept(guilds: GuildPolicies):
    made = await asyncio.gather(
        *(guilds.add(GUILD, document=str(i), author="ann", at=at(i)) for i in range(6))
    )
    assert sorted(one.version for one in made) == [1, 2, 3, 4, 5, 6]
    assert sorted(one.document or "" for one in await guilds.history(GUILD)) == list("012345")


async def test_a_guilds_policy_holds_in_that_guild_alone(guilds: GuildPolicies):
    policies = over(guilds)
    await policies.set(GUILD, STRICT, author="ann")
    assert (await policies.at(HERE)).apply(BRAND).outcome is Outcome.BLOCK
    assert (await policies.at(HERE)).id == "school"
    assert (await policies.at(HERE)).version.startswith("1.")
    for place in (ELSEWHERE, None):
        assert await policies.at(place) == policies.house


async def test_what_is_taken_away_no_longer_holds(guilds: GuildPolicies):
    policies = over(guilds)
    assert await policies.unset(GUILD, author="ann") is None
    await policies.set(GUILD, STRICT, author="ann")
    gone = await policies.unset(GUILD, author="bob")
    assert gone is not None
    assert (gone.version, gone.author, gone.document) == (2, "bob", None)
    assert await policies.at(HERE) == policies.house
    assert await policies.unset(GUILD, author="bob") is None
    assert [one.document for one in await policies.history(GUILD)] == [STRICT, None]


async def test_a_guild_is_softer_only_where_the_deployment_allows_it(guilds: GuildPolicies):
    with pytest.raises(BadInput, match="hate"):
        await over(guilds).set(GUILD, SOFT, author="ann")
    assert await guilds.newest(GUILD) is None
    generous = over(guilds, Policy(guilds_may_soften=frozenset({"hate"})))
    await generous.set(GUILD, SOFT, author="ann")
    found = Finding(check="blocklist", outcome=Outcome.BLOCK, category="hate")
    assert (await generous.at(HERE)).apply(found).outcome is Outcome.ALLOW
    # The deployment thinks better of it: what was set is no longer softer than it.
    assert (await over(guilds).at(HERE)).apply(found).outcome is Outcome.BLOCK


@pytest.mark.parametrize(
    ("guild", "document", "author"),
    [
        ("art", STRICT, "ann"),
        (GUILD, "nonsense", "ann"),
        (GUILD, STRICT, " "),
        (GUILD, STRICT, "a\nb"),
        (GUILD, 'version = 1\nid = "x"\n[at_most]\nchild_safety = "review"', "ann"),
    ],
)
async def test_what_makes_no_sense_is_refused_and_not_kept(
    guilds: GuildPolicies, guild: str, document: str, author: str
):
    with pytest.raises(BadInput):
        await over(guilds).set(guild, document, author=author)
    assert await guilds.history(GUILD) == []


async def test_a_document_that_cannot_be_read_any_more_holds_everything(guilds: GuildPolicies):
    await guilds.add(GUILD, document="of another age", author="ann", at=at(1))
    policy = await over(guilds).at(HERE)
    sure_of_nothing = Finding(check="classifier", outcome=Outcome.ALLOW, score=0.001)
    assert policy.apply(sure_of_nothing).outcome is Outcome.REVIEW
