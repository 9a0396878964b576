"""How moderators look at reported pictures: veiled on cards, clear at a press, never everything."""

import io
from dataclasses import replace
from typing import Any

import discord
from PIL import Image, ImageChops, ImageStat

from backend.domain.jobs import Block
from bot.identity import account_of
from bot.views.custom_ids import review_custom_id
from tests.fakes.discord import Town, labels
from tests.integration.bot.test_appeals import cards, desk, sweep
from tests.integration.bot.test_reports import report, said

PRESS = "Show it clearly"


async def reported(town: Town, channel: Any) -> discord.Message:
    job_id = await town.deliver()
    await report(town, town.message_of(job_id))
    await sweep(town)
    return cards(channel)[0]


def looks(town: Town) -> list[tuple[str, str, str]]:
    told = [entry for entry in town.memory.audit if entry.action == "picture.viewed"]
    return [(entry.actor, entry.detail["picture"], entry.detail["view"]) for entry in told]


async def shown_on(message: discord.Message) -> Image.Image:
    (attachment,) = message.attachments
    return Image.open(io.BytesIO(await attachment.read())).convert("RGB")


def colour_in(picture: Image.Image) -> int:
    red, green, blue = picture.split()
    pairs = ((red, green), (green, blue))
    return max(ImageChops.difference(*pair).getextrema()[1] for pair in pairs)


async def test_a_card_shows_its_picture_small_grey_and_blurred(town: Town) -> None:
    channel = await desk(town)
    card = await reported(town, channel)
    assert card.embeds[0].image.url.endswith("veiled.webp")
    veiled = await shown_on(card)
    assert max(veiled.size) <= 192
    assert colour_in(veiled) <= 2
    job = town.newest_job()
    clear = Image.open(io.BytesIO(town.pictures.objects[job.result.images[1].keys["original"]]))
    assert ImageStat.Stat(veiled.convert("L")).stddev[0] < (
        ImageStat.Stat(clear.convert("L")).stddev[0] / 3
    )
    assert looks(town) == []


async def test_a_press_shows_it_clearly_to_the_one_who_pressed_and_is_on_record(
    town: Town,
) -> None:
    channel = await desk(town)
    card = await reported(town, channel)
    answer = await town.moderator.click(card, label=PRESS)
    (shown,) = answer.followups or [answer.response]
    assert shown.ephemeral
    assert "on record" in shown.content
    assert looks(town) == [(account_of(town.moderator.id), "1", "clear")]
    job = town.newest_job()
    (attachment,) = shown.message.attachments
    original = town.pictures.objects[job.result.images[1].keys["original"]]
    assert await attachment.read() == original
    # Nobody else sees it: the channel holds the card, and no other picture.
    assert [len(message.attachments) for message in channel.history()] == [1]


async def test_nobody_but_moderators_is_shown_it_clearly(town: Town) -> None:
    channel = await desk(town)
    card = await reported(town, channel)
    answer = await town.bob.click(card, label=PRESS)
    assert "moderator" in said(answer).lower()
    assert looks(town) == []


async def test_a_decided_card_shows_no_picture_any_more(town: Town) -> None:
    channel = await desk(town)
    card = await reported(town, channel)
    await town.moderator.click(card, label="Leave it")
    await sweep(town)
    (decided,) = cards(channel)
    assert decided.attachments == []
    assert decided.embeds[0].image.url is None


async def test_the_queue_shows_the_same_veiled(town: Town) -> None:
    channel = await desk(town)
    await reported(town, channel)
    answer = await town.moderator.slash(channel, "mod queue")
    shown = (answer.followups or [answer.response])[0]
    assert shown.ephemeral
    assert max((await shown_on(shown.message)).size) <= 192


async def test_what_is_held_for_child_safety_has_neither_picture_nor_button(town: Town) -> None:
    channel = await desk(town)
    job_id = await town.ask()
    await town.start(job_id)
    await town.hold(job_id, category="child_safety")
    await sweep(town)
    (card,) = cards(channel)
    assert card.attachments == []
    assert card.embeds[0].image.url is None
    assert PRESS not in [label for row in labels(card) for label in row]


async def test_a_press_from_an_old_card_shows_nothing_of_child_safety(town: Town) -> None:
    channel = await desk(town)
    card = await reported(town, channel)
    (review,) = town.memory.reviews.values()
    block = Block(stage="report", outcome="block", category="child_safety", rule="r")
    town.memory.reviews[review.id] = replace(review, block=block)
    answer = await town.moderator.click(card, custom_id=review_custom_id("look", review.id))
    assert "cannot be decided" in said(answer)
    assert looks(town) == []
    assert await town.moderation.looking.on_card(town.memory.reviews[review.id]) is None


async def test_a_press_shows_nothing_of_a_frozen_account(town: Town) -> None:
    channel = await desk(town)
    card = await reported(town, channel)
    await town.standings.freeze(account_of(town.alice.id), "child_safety")
    answer = await town.moderator.click(card, label=PRESS)
    assert "no such job" in said(answer)
    assert looks(town) == []
    (review,) = town.memory.reviews.values()
    assert await town.moderation.looking.on_card(review) is None


async def test_nothing_is_shown_clearly_while_it_cannot_be_put_on_record(town: Town) -> None:
    channel = await desk(town)
    card = await reported(town, channel)
    town.memory.is_audit_away = True
    answer = await town.moderator.click(card, label=PRESS)
    assert "does not answer" in said(answer)
    town.memory.is_audit_away = False


async def test_a_picture_that_is_gone_leaves_the_card_without_one(town: Town) -> None:
    channel = await desk(town)
    job_id = await town.deliver()
    await report(town, town.message_of(job_id))
    for key in list(town.pictures.objects):
        del town.pictures.objects[key]
    await sweep(town)
    (card,) = cards(channel)
    assert card.attachments == []
