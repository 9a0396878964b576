"""`/mod queue`: for moderators, by role or permission, judged when they press."""

from typing import Any

import discord
import pytest
from simcord.backend.errors import SetupError

from backend.domain.jobs import JobState
from backend.domain.requests import JobId
from backend.domain.reviews import Decision
from bot.identity import account_of
from tests.builders import a_requester
from tests.fakes.discord import EDIT_INTERVAL_S, FORBIDDEN_WORD, Town, labels


async def held(town: Town) -> JobId:
    """Let Alice's pictures be held back after drawing."""
    job_id = await town.ask()
    await town.start(job_id)
    await town.hold(job_id)
    return job_id


async def keep(town: Town, card: Any) -> None:
    shown = await town.moderator.click(card, label="Keep blocked")
    await town.moderator.submit_modal(shown, {"reason": "too much"})


async def test_the_queue_is_hidden_from_members(town: Town) -> None:
    with pytest.raises(SetupError):
        await town.alice.slash(town.channel, "mod queue")


async def test_the_queue_is_refused_to_members_who_find_it(town: Town) -> None:
    await held(town)
    [command] = [one for one in town.bot.tree.get_commands() if one.name == "mod"]
    registered = next(
        one for one in await town.bot.tree.fetch_commands() if one.name == command.name
    )
    town.guild.set_command_permissions(registered.id, {town.alice: True})
    answer = await town.alice.slash(town.channel, "mod queue")
    said = answer.response or answer.followups[0]
    assert said.ephemeral
    assert "Only moderators can do that" in said.content


async def test_a_card_tells_a_moderator_all_there_is(town: Town) -> None:
    await held(town)
    answer = await town.moderator.slash(town.channel, "mod queue")
    assert answer.response is not None
    assert answer.response.ephemeral
    [embed] = answer.response.embeds
    fields = {field.name: field.value for field in embed.fields}
    assert embed.description == "a fox in the snow"
    assert fields["Asked by"] == town.alice.mention
    assert (fields["Stage"], fields["Category"], fields["Rule"]) == ("image", "nudity", "`r`")
    assert fields["Score"] == "0.93"
    assert labels(answer.response.message)[0] == ["Release", "Keep blocked"]


async def test_several_held_jobs_are_several_cards(town: Town) -> None:
    await held(town)
    await town.ask(f"a {FORBIDDEN_WORD} thing")
    answer = await town.moderator.slash(town.channel, "mod queue")
    assert answer.response is not None
    cards = [answer.response, *answer.followups]
    assert [card.embeds[0].description for card in cards] == [
        "a fox in the snow",
        f"a {FORBIDDEN_WORD} thing",
    ]
    assert all(card.ephemeral for card in cards)


async def test_an_empty_queue_says_so(town: Town) -> None:
    answer = await town.moderator.slash(town.channel, "mod queue")
    assert answer.response is not None
    assert "Nothing is waiting" in answer.response.content


async def test_a_released_job_goes_on_in_its_message(town: Town) -> None:
    job_id = await town.ask(f"a {FORBIDDEN_WORD} thing")
    card = (await town.moderator.slash(town.channel, "mod queue")).response
    assert card is not None
    await town.moderator.click(card, label="Release")
    await town.env.advance_time(EDIT_INTERVAL_S)
    job = town.newest_job()
    assert (job.id, job.state) == (job_id, JobState.QUEUED)
    assert "In line" in town.message_of(job_id).content
    assert labels(card.message) == []
    assert card.embeds[0].title == "Released: back in line"
    await town.start(job_id)
    await town.finish(job_id)
    assert town.message_of(job_id).attachments
    assert len(town.channel.history()) == 1


async def test_a_job_released_after_a_restart_goes_on_too(town: Town) -> None:
    job_id = await held(town)
    card = (await town.moderator.slash(town.channel, "mod queue")).response
    assert card is not None
    await town.restart()
    await town.moderator.click(card, label="Release")
    await town.start(job_id)
    await town.finish(job_id)
    assert town.message_of(job_id).attachments


async def test_a_kept_job_stays_held(town: Town) -> None:
    job_id = await held(town)
    card = (await town.moderator.slash(town.channel, "mod queue")).response
    assert card is not None
    await keep(town, card)
    [review] = town.memory.reviews.values()
    assert (review.decision, review.reason) == (Decision.KEPT, "too much")
    assert town.newest_job().state is JobState.BLOCKED
    assert town.messages.messages[job_id].is_final
    assert card.embeds[0].title == "Kept blocked"


async def test_a_decision_is_made_once(town: Town) -> None:
    await held(town)
    first = (await town.moderator.slash(town.channel, "mod queue")).response
    second = (await town.moderator.slash(town.channel, "mod queue")).response
    assert first is not None
    assert second is not None
    await keep(town, first)
    answer = await town.moderator.click(second, label="Release")
    assert "no longer open" in answer.followups[0].content
    assert town.newest_job().state is JobState.BLOCKED


async def test_child_safety_has_no_release(town: Town) -> None:
    job_id = await town.ask(f"a child-{FORBIDDEN_WORD} thing")
    assert town.messages.messages[job_id].is_final
    card = (await town.moderator.slash(town.channel, "mod queue")).response
    assert card is not None
    assert labels(card.message)[0] == ["Keep blocked"]


async def test_who_loses_the_role_loses_the_buttons(town: Town) -> None:
    await held(town)
    card = (await town.moderator.slash(town.channel, "mod queue")).response
    assert card is not None
    for role in town.env.backend.get_guild(town.guild.id).roles.values():
        role.permissions &= ~discord.Permissions(manage_messages=True).value
    answer = await town.moderator.click(card, label="Release")
    assert "Only moderators can do that" in answer.followups[0].content
    assert town.newest_job().state is JobState.BLOCKED


async def test_the_permission_counts_for_nothing_once_strangers_invite_the_bot(town: Town) -> None:
    await held(town)
    card = (await town.moderator.slash(town.channel, "mod queue")).response
    assert card is not None
    elsewhere = town.env.create_guild(name="somebody else's")
    await town.env.settle()
    owner = elsewhere.add_member(
        town.env.create_user("owner"),
        roles=[
            elsewhere.create_role("boss", permissions=discord.Permissions(manage_messages=True))
        ],
    )
    answer = await owner.slash(elsewhere.create_text_channel("lair"), "mod queue")
    said = answer.response or answer.followups[0]
    assert "Only moderators can do that" in said.content
    answer = await town.moderator.click(card, label="Release")
    assert "Only moderators can do that" in answer.followups[0].content


async def test_who_may_manage_messages_in_one_channel_moderates_nothing(town: Town) -> None:
    await held(town)
    room = town.guild.create_text_channel(
        "bobs-room",
        overwrites={town.bob: discord.PermissionOverwrite(manage_messages=True)},
    )
    await town.env.settle()
    answer = await town.bob.slash(room, "mod queue")
    said = answer.response or answer.followups[0]
    assert "Only moderators can do that" in said.content


class TestWithNamedRoles:
    """Where roles are named, the permission alone is not enough."""

    @pytest.fixture
    def moderator_role_ids(self) -> tuple[int, ...]:
        return (12345,)

    async def test_the_permission_is_not_enough(self, town: Town) -> None:
        await held(town)
        answer = await town.moderator.slash(town.channel, "mod queue")
        said = answer.response or answer.followups[0]
        assert "Only moderators can do that" in said.content


@pytest.mark.parametrize(
    ("sanction", "said"),
    [
        ("freeze", "This account is suspended"),
        ("ban", "until that is lifted (spam)"),
        ("mute", "may not ask for pictures until 20"),
    ],
)
async def test_a_moderator_under_a_sanction_presses_in_vain(
    town: Town, sanction: str, said: str
) -> None:
    await held(town)
    card = (await town.moderator.slash(town.channel, "mod queue")).response
    assert card is not None
    own = account_of(town.moderator.id)
    other = a_requester("other-mod", is_moderator=True)
    if sanction == "freeze":
        await town.standings.freeze(own, "child_safety")
    else:
        await getattr(town.standings, sanction)(own, reason="spam", by=other)
    answers = [
        await town.moderator.click(card, label="Release"),
        await town.moderator.click(card, label="Keep blocked"),
        await town.moderator.slash(town.channel, "mod queue"),
        await town.moderator.slash(town.channel, "mod lift", member=town.moderator),
    ]
    for answer in answers:
        told = [one for one in (answer.response, *answer.followups) if one is not None]
        assert all(one.ephemeral for one in told)
        assert any(said in one.content for one in told), [one.content for one in told]
    [review] = town.memory.reviews.values()
    assert review.is_open
    assert town.newest_job().state is JobState.BLOCKED
    assert (await town.standings.standing_of(own)).sanction(town.now()) is not None


async def ask_as_moderator(town: Town) -> Any:
    """Let the moderator's own prompt be held, and return its card."""
    await town.moderator.slash(town.channel, "imagine", prompt=f"a {FORBIDDEN_WORD} thing")
    return (await town.moderator.slash(town.channel, "mod queue")).response


async def test_the_card_says_that_a_moderator_decided_about_their_own(town: Town) -> None:
    card = await ask_as_moderator(town)
    await town.moderator.click(card, label="Release")
    [embed] = card.embeds
    fields = {field.name: field.value for field in embed.fields}
    assert fields["Decided by"] == f"{town.moderator.mention}, about what is their own"
    assert town.newest_job().state is JobState.QUEUED


async def test_where_others_decide_a_moderator_is_told_to_ask_one(town: Town) -> None:
    town.moderation.reviews._moderators._decide_own = False
    card = await ask_as_moderator(town)
    answer = await town.moderator.click(card, label="Release")
    [said] = answer.followups
    assert "This is about yourself" in said.content
    assert "Ask another moderator" in said.content
    # Nobody writes down reasons first.
    refused = await town.moderator.click(card, label="Keep blocked")
    assert refused.modal is None
    assert labels(card.message)[0] == ["Release", "Keep blocked"]
    assert town.newest_job().state is JobState.BLOCKED
