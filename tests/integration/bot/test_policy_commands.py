"""`/policy`: for members who may manage the server, judged when they ask."""

from typing import Any

import discord
import pytest

from backend.service.policies import Policies
from bot.identity import account_of
from tests.builders import a_requester
from tests.fakes.discord import Town

STRICT = 'version = 1\nid = "school"\n[at_least]\nliving_artist = "review"\n'
SOFTER = 'version = 1\nid = "school"\n[at_most]\n# sexual things\nsexual = "allow"\n'


@pytest.fixture
def policies(town: Town) -> Policies:
    return town.house.policies


@pytest.fixture
def manager(town: Town) -> Any:
    role = town.guild.create_role("manager", permissions=discord.Permissions(manage_guild=True))
    return town.guild.add_member(town.env.create_user("carol"), roles=[role])


async def ask(town: Town, who: Any, command: str, **options: Any) -> discord.Message:
    """Use a command and return what is said to whoever used it, and to them alone."""
    answer = await who.slash(town.channel, f"policy {command}", **options)
    said = answer.followups[-1] if answer.followups else answer.response
    assert said.ephemeral
    return said


async def set_to(town: Town, who: Any, document: str | bytes) -> discord.Message:
    data = document if isinstance(document, bytes) else document.encode()
    return await ask(town, who, "set", document=("policy.toml", data))


async def attached(message: Any) -> dict[str, str]:
    files = message.message.attachments if hasattr(message, "message") else message.attachments
    return {one.filename: (await one.read()).decode() for one in files}


async def test_a_policy_is_set_shown_remembered_and_taken_away(
    town: Town, manager: Any, policies: Policies
) -> None:
    guild_id = str(town.guild.id)
    assert "no policy of its own" in (await ask(town, manager, "show")).content
    assert "never had a policy" in (await ask(town, manager, "history")).content
    assert "Version 1 holds from now on" in (await set_to(town, manager, STRICT)).content
    assert (await policies.in_guild(guild_id)).at_least == {"living_artist": "review"}
    shown = await ask(town, manager, "show")
    assert "**school**, version 1" in shown.content
    assert manager.mention in shown.content
    files = await attached(shown)
    assert files["policy.toml"] == STRICT
    assert 'living_artist = "review"' in files["in-force.toml"]
    assert "# version 1." in files["in-force.toml"]
    assert "version 2" in (await ask(town, manager, "unset")).content
    assert (await policies.in_guild(guild_id)).id == policies.house.id
    listed = (await ask(town, manager, "history")).content
    assert listed.index("**2** taken away by") < listed.index("**1** set by")
    old = await ask(town, manager, "history", version=1)
    assert await attached(old) == {"policy.toml": STRICT}
    assert "There is no version 7" in (await ask(town, manager, "history", version=7)).content
    assert "no policy of its own" in (await ask(town, manager, "unset")).content
    actor = account_of(manager.id)
    recorded = [(one.action, one.actor, one.subject) for one in policies._guilds.audit]  # type: ignore[attr-defined]  # the fake's
    assert recorded == [
        ("policy.set", actor, f"guild:{guild_id}"),
        ("policy.unset", actor, f"guild:{guild_id}"),
    ]


async def test_what_holds_for_a_role_is_shown(town: Town, manager: Any) -> None:
    role = town.guild.create_role("artists")
    graded = f'{STRICT}[[grades]]\nroles = ["{role.id}"]\nscores = {{ nsfw_review = 0.3 }}\n'
    await set_to(town, manager, graded)
    plain = await attached(await ask(town, manager, "show"))
    theirs = await attached(await ask(town, manager, "show", role=role))
    assert "nsfw_review = 0.6" in plain["in-force.toml"]
    assert "nsfw_review = 0.3" in theirs["in-force.toml"]


@pytest.mark.parametrize(
    ("document", "sentences"),
    [
        (SOFTER, ["softer than house-1 allows in sexual (line 5)", "guilds_may_soften"]),
        ("version = 1\nid = \n", ["line 2", "safety/README.md"]),
        (STRICT + "brand = 'perhaps'\n", ["no outcome is called perhaps (line 5)"]),
        (STRICT + "[scores]\nnsfw_reveiw = 0.3", ["no score is called nsfw_reveiw (line 6)"]),
        (STRICT + "[scores]\nnsfw_review = 3.0", ["nsfw_review (line 6)"]),
        ("version = 1", ["it has no id"]),
        (STRICT + "[standing]\nstrike_days = 1", ["does not say standing (line 5)"]),
        (b"\xff\xfe\x00", ["cannot be read as text", "TOML"]),
        (b"#" * 200_000, ["at most 40000 characters"]),
        (b"#" * 50_000, ["at most 40000 characters"]),
    ],
)
async def test_a_document_that_is_refused_is_told_with_its_line_and_a_way_out(
    town: Town, manager: Any, policies: Policies, document: str | bytes, sentences: list[str]
) -> None:
    said = (await set_to(town, manager, document)).content
    for sentence in sentences:
        assert sentence in said, said
    assert await policies.history(str(town.guild.id)) == []


async def test_members_and_moderators_decide_nothing(town: Town, policies: Policies) -> None:
    [command] = [one for one in await town.bot.tree.fetch_commands() if one.name == "policy"]
    town.guild.set_command_permissions(command.id, {town.alice: True, town.moderator: True})
    for who in (town.alice, town.moderator):
        for said in (
            await set_to(town, who, STRICT),
            await ask(town, who, "show"),
            await ask(town, who, "history"),
            await ask(town, who, "unset"),
        ):
            assert "Only who manages this server decides about its policy" in said.content
    assert await policies.history(str(town.guild.id)) == []


async def test_a_manager_under_a_ban_decides_nothing(
    town: Town, manager: Any, policies: Policies
) -> None:
    other = a_requester("other-mod", is_moderator=True)
    await town.standings.ban(account_of(manager.id), reason="spam", by=other)
    assert "until that is lifted (spam)" in (await set_to(town, manager, STRICT)).content
    assert await policies.history(str(town.guild.id)) == []
    assert [one.action for one in town.memory.audit][-1] == "moderation.refused"


async def test_a_manager_decides_for_their_own_server_alone(
    town: Town, manager: Any, policies: Policies
) -> None:
    studio = town.env.create_guild()
    gallery = studio.create_text_channel("gallery")
    role = studio.create_role("manager", permissions=discord.Permissions(manage_guild=True))
    dave = studio.add_member(town.env.create_user("dave"), roles=[role])
    await dave.slash(gallery, "policy set", document=("policy.toml", STRICT.encode()))
    assert [one.version for one in await policies.history(str(studio.id))] == [1]
    assert await policies.history(str(town.guild.id)) == []
