"""From a block to its picture in two clicks: *Appeal*, then *Overturn*; through restarts too."""

from datetime import timedelta
from typing import Any

import discord
import pytest

from backend.domain.errors import AccountBanned
from backend.domain.jobs import JobState
from backend.domain.requests import JobId
from backend.domain.reviews import Decision
from bot.delivery.desk import Desk
from bot.identity import account_of
from tests.fakes.discord import EDIT_INTERVAL_S, FORBIDDEN_WORD, Town, labels

WHY = {"words": "it is a nature film"}


async def held(town: Town) -> JobId:
    return await town.ask(f"a {FORBIDDEN_WORD} thing")


async def appeal(town: Town, job_id: JobId) -> Any:
    shown = await town.alice.click(town.message_of(job_id), label="Appeal")
    answer = await town.alice.submit_modal(shown, WHY)
    return answer.response or answer.followups[0]


async def desk(town: Town) -> Any:
    """Give the moderators a channel of their own, and let the bot see to it."""
    channel = town.guild.create_text_channel("moderators")
    await town.moderator.slash(channel, "mod channel")
    await sweep(town)
    return channel


async def keep(town: Town, card: Any, reason: str = "") -> None:
    shown = await town.moderator.click(card, label="Keep blocked")
    await town.moderator.submit_modal(shown, {"reason": reason})
    await sweep(town)


def told(town: Town) -> list[str]:
    """Return what Alice reads in her direct messages."""
    return [message.content for message in town.alice.user.dm_channel.history()]


async def sweep(town: Town) -> None:
    await town.owned(town.bot.desk.sweep)


def cards(channel: Any) -> list[discord.Message]:
    return [message for message in channel.history() if message.embeds]


def fields(message: discord.Message) -> dict[str, str]:
    return {str(field.name): str(field.value) for field in message.embeds[0].fields}


async def test_a_held_job_has_one_button_appeal(town: Town) -> None:
    job_id = await held(town)
    assert labels(town.message_of(job_id)) == [["Appeal"]]


async def test_nobody_appeals_for_child_safety(town: Town) -> None:
    job_id = await town.ask(f"a child-{FORBIDDEN_WORD} thing")
    assert labels(town.message_of(job_id)) == []


async def test_whoever_appeals_is_told_by_when_a_person_answers(town: Town) -> None:
    job_id = await held(town)
    said = await appeal(town, job_id)
    assert said.ephemeral
    assert "before the moderators" in said.content
    [review] = town.memory.reviews.values()
    assert review.appeal is not None
    assert f"<t:{int(review.appeal.due_at.timestamp())}:f>" in said.content


async def test_a_second_appeal_is_refused(town: Town) -> None:
    job_id = await held(town)
    await appeal(town, job_id)
    answer = await town.alice.click(town.message_of(job_id), label="Appeal")
    assert answer.response is not None
    assert "appealed already" in answer.response.content


async def test_nobody_appeals_for_somebody_else(town: Town) -> None:
    job_id = await held(town)
    answer = await town.bob.click(town.message_of(job_id), label="Appeal")
    assert answer.response is not None
    assert "no such job" in answer.response.content
    assert all(review.appeal is None for review in town.memory.reviews.values())


async def test_two_clicks_lead_from_a_block_to_its_picture(town: Town) -> None:
    channel = await desk(town)
    job_id = await held(town)
    before = await town.jobs.get(job_id)
    later = await town.ask("an owl")
    await appeal(town, job_id)
    await sweep(town)
    [card] = cards(channel)
    assert card.embeds[0].title == "Appeal"
    assert fields(card)["Appeal"] == WHY["words"]
    assert "Answer by" in fields(card)
    await town.moderator.click(card, label="Overturn")
    await sweep(town)
    await town.env.advance_time(EDIT_INTERVAL_S)
    job = await town.jobs.get(job_id)
    assert job is not None
    assert before is not None
    assert (job.state, job.created_at) == (JobState.QUEUED, before.created_at)
    last = await town.jobs.get(later)
    assert last is not None
    assert (await town.jobs.ahead_of(job), await town.jobs.ahead_of(last)) == (0, 1)
    assert cards(channel)[0].embeds[0].title == "Overturned: back in line"
    assert labels(cards(channel)[0]) == []
    said = [message.content for message in town.channel.history()]
    assert any("agreed with your appeal" in one and town.alice.mention in one for one in said)
    await town.start(job_id)
    await town.finish(job_id)
    assert town.message_of(job_id).attachments


async def test_an_upheld_block_is_told_with_its_reason(town: Town) -> None:
    channel = await desk(town)
    job_id = await held(town)
    await appeal(town, job_id)
    await sweep(town)
    shown = await town.moderator.click(cards(channel)[0], label="Uphold")
    await town.moderator.submit_modal(shown, {"reason": "too much blood"})
    await sweep(town)
    [review] = town.memory.reviews.values()
    assert (review.decision, review.reason) == (Decision.KEPT, "too much blood")
    assert cards(channel)[0].embeds[0].title == "Upheld"
    await sweep(town)
    [answer] = told(town)
    assert "too much blood" in answer
    assert "Appeal" not in answer


async def test_whose_job_is_kept_blocked_is_told_once_why_and_how_to_appeal(town: Town) -> None:
    channel = await desk(town)
    job_id = await held(town)
    await sweep(town)
    await keep(town, cards(channel)[0], "too much blood")
    await sweep(town)
    [answer] = told(town)
    assert f"`{job_id}`, and it stays held back. They say: too much blood" in answer
    assert f"Press *Appeal* under it ({town.message_of(job_id).jump_url}) to" in answer


async def test_a_moderator_need_not_say_why_unless_somebody_appealed(town: Town) -> None:
    channel = await desk(town)
    await held(town)
    await sweep(town)
    await keep(town, cards(channel)[0])
    [answer] = told(town)
    assert "They say" not in answer


async def test_whose_job_is_released_is_told_in_the_channel(town: Town) -> None:
    channel = await desk(town)
    await held(town)
    await sweep(town)
    await town.moderator.click(cards(channel)[0], label="Release")
    await sweep(town)
    await sweep(town)
    said = [message.content for message in town.channel.history()]
    assert sum("A moderator let it through" in one for one in said) == 1
    assert told(town) == []


async def test_of_child_safety_nobody_is_told_more_than_that_it_is_held(town: Town) -> None:
    channel = await desk(town)
    await town.ask(f"a child-{FORBIDDEN_WORD} thing")
    await sweep(town)
    for card in cards(channel):
        await keep(town, card, "no")
    assert told(town) == []


async def test_both_answers_are_told_to_who_appeals_after_a_first_decision(town: Town) -> None:
    channel = await desk(town)
    job_id = await held(town)
    await sweep(town)
    await keep(town, cards(channel)[0], "gore")
    await town.env.advance_time(60)
    await appeal(town, job_id)
    await sweep(town)
    shown = await town.moderator.click(cards(channel)[0], label="Uphold")
    await town.moderator.submit_modal(shown, {"reason": "still gore"})
    await sweep(town)
    assert ["still gore" in one for one in told(town)] == [False, True]


async def test_an_appeal_after_a_first_decision_opens_the_card_again(town: Town) -> None:
    channel = await desk(town)
    job_id = await held(town)
    await sweep(town)
    await keep(town, cards(channel)[0])
    await appeal(town, job_id)
    await sweep(town)
    [card] = cards(channel)
    assert labels(card)[0] == ["Overturn", "Uphold"]
    await town.moderator.click(card, label="Overturn")
    await town.start(job_id)
    await town.finish(job_id)
    assert town.message_of(job_id).attachments


async def test_a_card_survives_restarts_and_none_is_posted_twice(town: Town) -> None:
    channel = await desk(town)
    job_id = await held(town)
    await sweep(town)
    await town.restart()
    await sweep(town)
    await appeal(town, job_id)
    await town.restart()
    await sweep(town)
    assert len(cards(channel)) == 1
    await town.moderator.click(cards(channel)[0], label="Overturn")
    assert town.newest_job().state is JobState.QUEUED


async def test_a_card_posted_by_a_process_that_died_is_found_again(town: Town) -> None:
    channel = await desk(town)
    await held(town)
    await sweep(town)
    store = town.moderation.cards
    for subject, card in list(store.cards.items()):  # type: ignore[attr-defined]  # the twin's own
        store.cards[subject] = type(card)(  # type: ignore[attr-defined]  # as above
            subject_id=subject, channel_id=card.channel_id
        )
    await town.restart()
    await sweep(town)
    assert len(cards(channel)) == 1
    assert all(card.message_id for card in store.cards.values())  # type: ignore[attr-defined]  # as above


async def test_a_card_that_somebody_deleted_comes_back_while_it_is_open(town: Town) -> None:
    channel = await desk(town)
    job_id = await held(town)
    await sweep(town)
    await town.owned(cards(channel)[0].delete)
    await appeal(town, job_id)
    await sweep(town)
    assert [card.embeds[0].title for card in cards(channel)] == ["Appeal"]


async def test_no_card_is_posted_where_no_channel_was_chosen(town: Town) -> None:
    await held(town)
    before = len(town.channel.history())
    await sweep(town)
    assert len(town.channel.history()) == before


async def test_only_moderators_choose_the_channel(town: Town) -> None:
    [command] = [one for one in await town.bot.tree.fetch_commands() if one.name == "mod"]
    town.guild.set_command_permissions(command.id, {town.bob: True})
    answer = await town.bob.slash(town.channel, "mod channel")
    said = answer.response or answer.followups[0]
    assert "Only moderators can do that" in said.content
    assert await town.moderation.cards.channels() == {}


@pytest.mark.parametrize(
    ("measure", "said"), [("warn", "Warned"), ("strike", "A strike"), ("mute", "Muted")]
)
async def test_a_moderator_disciplines_whoever_asked(town: Town, measure: str, said: str) -> None:
    channel = await desk(town)
    await held(town)
    await sweep(town)
    shown = await town.moderator.select(cards(channel)[0], values=[measure])
    answer = await town.moderator.submit_modal(shown, {"reason": "again"})
    told = answer.response or answer.followups[0]
    assert told.ephemeral
    assert said in told.content
    standing = await town.standings.standing_of(account_of(town.alice.id))
    assert "again" in str(standing)


async def test_a_ban_from_the_card_ends_what_is_in_line(town: Town) -> None:
    channel = await desk(town)
    await held(town)
    waiting = await town.ask("an owl")
    await sweep(town)
    shown = await town.moderator.select(cards(channel)[0], values=["ban"])
    await town.moderator.submit_modal(shown, {"reason": "spam"})
    job = await town.jobs.get(waiting)
    assert job is not None
    assert job.state is JobState.CANCELLED
    with pytest.raises(AccountBanned):
        await town.standings.must_be_welcome(account_of(town.alice.id))
    answer = await town.moderator.click(cards(channel)[0], label="Release")
    assert "cannot be decided" in answer.followups[0].content
    await town.moderator.slash(channel, "mod lift", member=town.alice)
    await town.standings.must_be_welcome(account_of(town.alice.id))


async def test_moderators_read_how_right_each_rule_was(town: Town) -> None:
    await held(town)
    card = (await town.moderator.slash(town.channel, "mod queue")).response
    assert card is not None
    await town.moderator.click(card, label="Release")
    answer = (await town.moderator.slash(town.channel, "mod rules")).response
    assert answer is not None
    assert answer.content == "`test-1` · 1 held · 1 overturned · 0 upheld · right 0%"


async def test_an_appeal_that_nobody_answers_is_reminded_of_by_its_card_once_a_day(
    town: Town,
) -> None:
    channel = await desk(town)
    await appeal(town, await held(town))
    await sweep(town)
    [review] = town.memory.reviews.values()
    assert review.due_at is not None
    [card] = cards(channel)
    clock = [review.due_at]
    late = Desk(client=town.bot, services=town.bot.services, clock=lambda: clock[0])

    async def reminders() -> list[discord.Message]:
        await town.owned(late.sweep)
        return [one for one in channel.history() if "should have been answered" in one.content]

    assert await reminders() == []
    clock[0] += timedelta(seconds=1)
    [reminder] = await reminders()
    assert reminder.reference is not None
    assert reminder.reference.message_id == card.id
    assert f"<t:{int(review.due_at.timestamp())}:R>" in reminder.content
    clock[0] += timedelta(hours=23)
    assert len(await reminders()) == 1
    clock[0] += timedelta(hours=1)
    assert len(await reminders()) == 2
    await town.moderator.click(card, label="Overturn")
    clock[0] += timedelta(days=2)
    assert len(await reminders()) == 2
