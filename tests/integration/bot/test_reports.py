"""Reports of delivered pictures: by the button under them, and by the menu of their message."""

from typing import Any

import pytest

from backend.domain.reviews import Decision, ReviewKind
from tests.builders import a_requester
from tests.fakes.discord import Town
from tests.fakes.link_servers import a_png
from tests.integration.bot.test_appeals import cards, desk, fields, sweep

MENU = "Report this picture"
MODERATOR = a_requester("mod", is_moderator=True)


def said(answer: Any) -> str:
    told = answer.response or answer.followups[0]
    assert told.ephemeral
    return str(told.content)


async def report(town: Town, message: Any, which: str = "1") -> Any:
    shown = await town.bob.click(message, label="Report")
    return await town.bob.submit_modal(shown, {"which": [which], "words": "that is my face"})


async def test_a_reported_picture_is_a_card_that_names_no_reporter(town: Town) -> None:
    channel = await desk(town)
    job_id = await town.deliver()
    answer = await report(town, town.message_of(job_id))
    assert "nobody is told it was you" in said(answer)
    await sweep(town)
    [card] = cards(channel)
    told = fields(card)
    assert card.embeds[0].title == "Reported picture"
    assert (told["Picture"], told["Reports"]) == ("2", "1")
    assert told["They say"] == "that is my face"
    assert str(town.bob.id) not in str(card.embeds[0].to_dict())


async def test_a_member_reports_a_picture_once(town: Town) -> None:
    job_id = await town.deliver()
    await report(town, town.message_of(job_id))
    assert "already" in said(await report(town, town.message_of(job_id)))
    [review] = town.memory.reviews.values()
    assert (review.kind, review.voices) == (ReviewKind.REPORT, 1)


async def test_the_menu_of_a_message_reports_its_picture(town: Town) -> None:
    job_id = await town.deliver()
    picked = (await town.bob.click(town.message_of(job_id), label="U3")).followups[0].message
    shown = await town.bob.context_menu(town.channel, MENU, picked)
    await town.bob.submit_modal(shown, {"words": "gore"})
    [review] = town.memory.reviews.values()
    assert (review.job_id, review.picture_index) == (job_id, 2)


@pytest.mark.parametrize(
    "words",
    [
        "https://example.com/`gen_00000000000000000000` a fox",
        "a fox · picture 1 · with a hat",
        "a fox** · picture 1 · <@1>",
        "fast · sdxl · seed 1 · `gen_00000000000000000000`",
    ],
)
async def test_no_words_of_a_prompt_lead_a_report_astray(town: Town, words: str) -> None:
    town.links.pictures["https://example.com/`gen_00000000000000000000`"] = a_png()
    job_id = await town.deliver(prompt=words)
    picked = (await town.bob.click(town.message_of(job_id), label="U3")).followups[0].message
    shown = await town.bob.context_menu(town.channel, MENU, picked)
    await town.bob.submit_modal(shown, {"words": "gore"})
    [review] = town.memory.reviews.values()
    assert (review.job_id, review.picture_index) == (job_id, 2)


async def test_the_menu_of_another_message_reports_nothing(town: Town) -> None:
    message = await town.alice.send(town.channel, "`gen_not_ours` · hello")
    answer = await town.bob.context_menu(town.channel, MENU, message)
    assert "no such job" in said(answer)


async def test_a_moderator_leaves_a_reported_picture(town: Town) -> None:
    channel = await desk(town)
    job_id = await town.deliver()
    await report(town, town.message_of(job_id))
    await sweep(town)
    await town.moderator.click(cards(channel)[0], label="Leave it")
    [review] = town.memory.reviews.values()
    assert review.decision is Decision.DISMISSED
    assert cards(channel)[0].embeds[0].title == "Reported picture: left where it is"


async def test_a_removed_picture_is_gone_from_every_message(town: Town) -> None:
    channel = await desk(town)
    job_id = await town.deliver()
    await town.bob.click(town.message_of(job_id), label="U2")
    await report(town, town.message_of(job_id))
    await sweep(town)
    assert len(town.channel.history()) == 2
    shown = await town.moderator.click(cards(channel)[0], label="Remove everywhere")
    await town.moderator.submit_modal(shown, {"reason": "not theirs"})
    assert cards(channel)[0].embeds[0].title == "Being removed everywhere"
    assert fields(cards(channel)[0])["Gone from"].count("⏳ message") == 2
    await sweep(town)
    assert town.channel.history() == []
    assert cards(channel)[0].embeds[0].title == "Removed everywhere"
    gone = fields(cards(channel)[0])["Gone from"]
    assert "⏳" not in gone
    assert gone.count(f"in {town.channel.mention}: deleted") == 2
    assert f"✅ the list of pictures of `{job_id}`" in gone
    assert "✅ file `original.png`" in gone
    job = await town.jobs.get(job_id)
    assert job is not None
    assert job.result is not None
    assert [image.index for image in job.result.images] == [0, 2, 3]
    assert not [key for key in town.objects.list_keys("images/") if f"{job_id}/1/" in key]
    assert await town.moderation.removals.messages_left() == []


async def test_what_is_posted_while_its_picture_is_removed_is_gone_as_well(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = await town.deliver()
    generations, removals = town.house.services.generations, town.moderation.removals
    read = generations.read_image

    async def removed_meanwhile(*words: Any) -> bytes:
        data = await read(*words)
        await removals.remove(job_id, 1, MODERATOR, reason="not theirs")
        return data

    monkeypatch.setattr(generations, "read_image", removed_meanwhile)
    answer = await town.bob.click(town.message_of(job_id), label="U2")
    assert answer.followups[0].attachments
    await sweep(town)
    assert town.channel.history() == []
    assert await removals.messages_left() == []


async def test_a_message_that_is_gone_already_is_proof_enough(town: Town) -> None:
    channel = await desk(town)
    job_id = await town.deliver()
    await report(town, town.message_of(job_id))
    await sweep(town)
    shown = await town.moderator.click(cards(channel)[0], label="Remove everywhere")
    await town.owned(town.message_of(job_id).delete)
    await town.moderator.submit_modal(shown, {"reason": "not theirs"})
    await town.restart()
    await sweep(town)
    told = [entry for entry in town.memory.audit if entry.action == "picture.removed"]
    proofs = {entry.detail["proof"] for entry in told if entry.detail["kind"] == "message"}
    assert proofs == {"not there (10008)"}
