"""`/imagine` from the command to the pictures."""

import discord
import pytest

from backend.domain.families import ModelFamily
from backend.domain.jobs import JobState
from backend.domain.tiers import TIER_POLICIES, Tier
from tests.fakes.discord import FORBIDDEN_WORD, Town, labels

DEFERRED = discord.InteractionResponseType.deferred_channel_message.value


async def test_a_prompt_becomes_a_grid_with_buttons(town: Town) -> None:
    await town.alice.slash(town.channel, "imagine", prompt="a fox in the snow")
    assert town.answers()[0]["type"] == DEFERRED
    job_id = town.newest_job().id
    assert "In line, next" in town.message_of(job_id).content
    assert labels(town.message_of(job_id)) == [["Cancel"]]

    await town.start(job_id)
    await town.env.advance_time(30)
    assert "⬜" in town.message_of(job_id).content
    await town.beat(job_id, 10)
    await town.env.advance_time(30)
    assert "🟦🟦🟦🟦🟦⬜⬜⬜⬜⬜ 50 % · step 10 of 20" in town.message_of(job_id).content

    await town.finish(job_id)
    message = town.message_of(job_id)
    assert labels(message) == [["U1", "U2", "U3", "U4", "🔄"], ["V1", "V2", "V3", "V4"], ["Report"]]
    assert [one.filename for one in message.attachments] == [f"impasto-{job_id}.webp"]
    for fact in ("a fox in the snow", town.alice.mention, "fast", "64", "seed", str(job_id)):
        assert fact in message.content
    assert town.messages.messages[job_id].is_final
    assert len(town.channel.history()) == 1


async def test_options_say_what_flags_say(town: Town) -> None:
    await town.alice.slash(
        town.channel,
        "imagine",
        prompt="a fox",
        aspect_ratio="3:2",
        negative="fog",
        steps=12,
        seed=7,
        tier="turbo",
        count=2,
        family="sdxl",
    )
    job = town.newest_job()
    request = job.request
    assert (str(request.aspect_ratio), request.negative_prompt) == ("3:2", "fog")
    assert (request.steps, request.seed, request.image_count) == (12, 7, 2)
    assert request.tier is Tier.TURBO
    assert str(request.requester.account_id) == f"discord:{town.alice.id}"
    assert request.idempotency_key is not None
    assert request.idempotency_key.startswith("discord:")


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"prompt": "a fox --wings 2"}, "There is no parameter --wings."),
        ({"prompt": "a fox", "aspect_ratio": "0:3"}, "0:3 is not an aspect ratio"),
        ({"prompt": "a fox", "aspect_ratio": "wide"}, "wide is not an aspect ratio"),
        ({"prompt": "x" * 5000}, "at most 4000"),
        ({"prompt": "a fox", "family": "flux"}, "No model is configured for flux."),
    ],
)
async def test_bad_input_is_one_private_sentence(
    town: Town, options: dict[str, str], sentence: str
) -> None:
    answer = await town.alice.slash(town.channel, "imagine", **options)
    assert town.memory.jobs == {}
    [said] = answer.followups
    assert said.ephemeral
    assert sentence in said.content
    # The public "thinking…" is gone.
    assert town.channel.history() == []


async def test_a_family_without_a_live_worker_is_refused_with_one_that_has(town: Town) -> None:
    town.presence.there = {ModelFamily.FLUX}
    town.fleet_s += 121
    answer = await town.alice.slash(town.channel, "imagine", prompt="a fox", family="sdxl")
    [said] = answer.followups
    assert said.ephemeral
    assert "No worker that draws with sdxl" in said.content
    assert "Use flux now" in said.content
    assert town.memory.jobs == {}


async def test_a_member_with_too_many_waiting_is_told_how_to_go_on(town: Town) -> None:
    for _ in range(TIER_POLICIES[Tier.TURBO].waiting_max or 0):
        await town.alice.slash(town.channel, "imagine", prompt="a fox", tier="turbo")
    answer = await town.alice.slash(town.channel, "imagine", prompt="a fox", tier="turbo")
    [said] = answer.followups
    assert said.ephemeral
    assert said.content == (
        "You have 20 jobs waiting in turbo, the most at once. "
        "Wait until one begins, end one with `/cancel`, or take another tier."
    )


async def test_a_held_prompt_is_answered_neutrally(town: Town) -> None:
    await town.alice.slash(town.channel, "imagine", prompt=f"a {FORBIDDEN_WORD} thing")
    job = town.newest_job()
    assert job.state is JobState.BLOCKED
    content = town.message_of(job.id).content
    assert "held back" in content
    assert FORBIDDEN_WORD not in content
    assert "violence" not in content


async def test_a_prompt_wakes_nobody_and_formats_nothing(town: Town) -> None:
    prompt = f"@everyone {town.bob.mention} **bold** https://example.org/a_b_c"
    await town.alice.slash(town.channel, "imagine", prompt=prompt)
    content = town.message_of(town.newest_job().id).content
    assert "@everyone" not in content
    assert town.bob.mention not in content
    assert r"\*\*bold\*\*" in content
    assert "<https://example.org/a_b_c>" in content
    mentions = [
        request.json["allowed_mentions"]
        for request in town.env.http_requests
        if isinstance(request.json, dict) and "allowed_mentions" in request.json
    ]
    assert mentions
    for mention in mentions:
        assert not mention["parse"]
        assert mention["users"] == [town.alice.id]


async def test_one_picture_is_shown_as_it_is(town: Town) -> None:
    await town.alice.slash(town.channel, "imagine", prompt="a fox", count=1)
    job_id = town.newest_job().id
    await town.start(job_id)
    await town.finish(job_id, count=1)
    message = town.message_of(job_id)
    assert labels(message) == [
        ["Upscale (Subtle)", "Upscale (Creative)", "🔄"],
        ["Vary (Subtle)", "Vary (Strong)", "Vary (Region)"],
        ["Zoom Out 2x", "Zoom Out 1.5x", "Custom Zoom"],
        ["⬅️", "➡️", "⬆️", "⬇️"],
        ["Report"],
    ]
    [attachment] = message.attachments
    assert attachment.filename == f"impasto-{job_id}-1.png"
    assert attachment.size == len(town.pictures.objects[f"images/{job_id}/0/original.png"])


async def test_a_service_that_breaks_is_one_private_sentence(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object, **__: object) -> None:
        raise ConnectionError("the database is gone")

    monkeypatch.setattr(town.jobs, "add_set", broken)
    answer = await town.alice.slash(town.channel, "imagine", prompt="a fox")
    assert "does not answer" in answer.followups[0].content
    assert answer.followups[0].ephemeral
