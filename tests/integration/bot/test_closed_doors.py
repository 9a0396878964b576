"""Channels that do not let the desk in: left alone for longer and longer, gone ones are proof."""

from typing import Any

import pytest

from tests.builders import a_requester
from tests.fakes.discord import Town
from tests.integration.bot.test_appeals import cards, desk, sweep
from tests.integration.bot.test_reports import report

MODERATOR = a_requester("mod", is_moderator=True)


def asked(town: Town, channel: Any) -> int:
    """Count what was asked of a channel's messages."""
    return sum(f"/channels/{channel.id}/messages" in one.path for one in town.env.http_requests)


async def pass_minutes(town: Town, minutes: float) -> None:
    await town.env.advance_time(minutes * 60)


async def test_a_channel_that_was_lost_is_not_asked_for_each_card_every_few_seconds(
    town: Town,
) -> None:
    channel = await desk(town)
    job_ids = [await town.deliver() for _ in range(4)]
    town.env.inject_error(
        "*", f"/channels/{channel.id}/messages*", status=403, code=50001, times=None
    )
    for job_id in job_ids:
        await report(town, town.message_of(job_id))
    before = asked(town, channel)
    for _ in range(20):
        await sweep(town)
    assert asked(town, channel) - before == 1
    await pass_minutes(town, 1.1)
    await sweep(town)
    await sweep(town)
    assert asked(town, channel) - before == 2
    await pass_minutes(town, 1.1)
    await sweep(town)
    assert asked(town, channel) - before == 2


async def test_cards_appear_when_the_channel_lets_us_in_again(town: Town) -> None:
    channel = await desk(town)
    job_ids = [await town.deliver() for _ in range(3)]
    town.env.inject_error("*", f"/channels/{channel.id}/messages*", status=403, code=50013, times=1)
    for job_id in job_ids:
        await report(town, town.message_of(job_id))
    await sweep(town)
    assert cards(channel) == []
    await pass_minutes(town, 1.1)
    await sweep(town)
    assert len(cards(channel)) == 3


@pytest.mark.parametrize(("status", "code", "is_gone"), [(404, 10003, True), (403, 50001, False)])
async def test_a_message_is_gone_with_its_channel_and_not_with_our_access(
    town: Town,
    status: int,
    code: int,
    is_gone: bool,  # noqa: FBT001 - a table
) -> None:
    job_id = await town.deliver()
    await town.moderation.removals.remove(job_id, 0, MODERATOR, reason="x")
    town.env.inject_error(
        "DELETE", f"/channels/{town.channel.id}/messages/*", status=status, code=code, times=None
    )
    before = asked(town, town.channel)
    for _ in range(5):
        await sweep(town)
    assert asked(town, town.channel) - before == 1
    assert town.bot.desk._doors.closed() == [town.channel.id]
    assert (await town.moderation.removals.messages_left() == []) == is_gone
    told = [entry for entry in town.memory.audit if entry.action == "picture.removed"]
    proofs = [entry.detail["proof"] for entry in told if entry.detail["kind"] == "message"]
    assert proofs == ([f"not there ({code})"] if is_gone else [])


@pytest.mark.parametrize(("status", "code"), [(404, 10003), (403, 50001)])
async def test_cards_of_a_lost_channel_come_anew_in_the_one_that_is_chosen_next(
    town: Town, status: int, code: int
) -> None:
    lost = await desk(town)
    await report(town, town.message_of(await town.deliver()))
    await sweep(town)
    assert len(cards(lost)) == 1
    town.env.inject_error(
        "*", f"/channels/{lost.id}/messages*", status=status, code=code, times=None
    )
    chosen = town.guild.create_text_channel("moderators-again")
    await town.moderator.slash(chosen, "mod channel")
    await sweep(town)
    await sweep(town)
    [card] = cards(chosen)
    await town.moderator.click(card, label="Leave it")
    assert cards(chosen)[0].embeds[0].title == "Reported picture: left where it is"


async def test_cards_stay_in_a_channel_that_still_lets_us_in(town: Town) -> None:
    first = await desk(town)
    await report(town, town.message_of(await town.deliver()))
    await sweep(town)
    chosen = town.guild.create_text_channel("moderators-again")
    await town.moderator.slash(chosen, "mod channel")
    await sweep(town)
    assert (len(cards(first)), len(cards(chosen))) == (1, 0)
