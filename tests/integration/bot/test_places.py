"""Where a request comes from, as the bot sees it."""

import discord

from backend.domain.requests import Place
from tests.fakes.discord import Town


def restrict(town: Town) -> None:
    """Make the town's channel one for adults; simcord's channels do not know of it."""
    channel = town.bot.get_channel(town.channel.id)
    assert isinstance(channel, discord.TextChannel)
    channel.nsfw = True


async def test_a_job_remembers_the_guild_and_the_channel(town: Town) -> None:
    await town.ask()
    assert town.newest_job().request.requester.place == Place(
        guild_id=str(town.guild.id), channel_id=str(town.channel.id), is_age_restricted=False
    )


async def test_an_age_restricted_channel_is_told(town: Town) -> None:
    restrict(town)
    await town.ask()
    place = town.newest_job().request.requester.place
    assert place is not None
    assert place.is_age_restricted


async def test_a_thread_is_as_restricted_as_its_parent(town: Town) -> None:
    town.env.backend.create_thread(town.channel.id, "foxes", town.alice.id)
    await town.env.settle()
    [thread] = town.channel.threads
    await town.alice.slash(thread, "imagine", prompt="a fox")
    before = town.newest_job().request.requester.place
    restrict(town)
    await town.alice.slash(thread, "imagine", prompt="a fox")
    after = town.newest_job().request.requester.place
    assert before == Place(guild_id=str(town.guild.id), channel_id=str(thread.id))
    assert after is not None
    assert (after.channel_id, after.is_age_restricted) == (str(thread.id), True)


async def test_private_messages_are_in_no_place(town: Town) -> None:
    await town.ask()
    public = town.newest_job()
    user = town.env.create_user("carol")
    await user.slash("imagine", prompt="a fox")
    private = town.newest_job()
    assert private.id != public.id
    assert private.request.requester.place is None


async def test_a_members_roles_are_told_as_they_are_at_the_moment(town: Town) -> None:
    await town.ask()
    assert town.newest_job().request.requester.place.roles == ()
    roles = [town.guild.create_role(name) for name in ("trusted", "painter")]
    dora = town.guild.add_member(town.env.create_user("dora"), roles=roles)
    await dora.slash(town.channel, "imagine", prompt="a fox")
    place = town.newest_job().request.requester.place
    assert place.roles == tuple(str(one) for one in sorted(role.id for role in roles))
