"""The buttons under a single picture, through restarts too, and attached pictures."""

import io
from dataclasses import replace
from typing import Any

import discord
import pytest
from PIL import Image

from backend.domain.jobs import Job
from backend.domain.prompts import Mode
from backend.domain.requests import Box, Mask, Outpaint, PictureRef, Upscale, UpscaleKind
from backend.domain.results import GenerationResult
from backend.domain.uploads import UPLOAD_BYTES_MAX
from tests.fakes.discord import Town, a_picture, labels
from tests.fakes.uploads import FORBIDDEN_COLOUR

PANS = {
    "⬅️": Outpaint(left=0.3),
    "➡️": Outpaint(right=0.3),
    "⬆️": Outpaint(top=0.3),
    "⬇️": Outpaint(bottom=0.3),
}
EXPECTED: dict[str, dict[str, Any]] = {
    "Upscale (Subtle)": {"upscale": Upscale(kind=UpscaleKind.SUBTLE)},
    "Upscale (Creative)": {"upscale": Upscale(kind=UpscaleKind.CREATIVE)},
    "Vary (Subtle)": {"strength": 0.5},
    "Vary (Strong)": {"strength": 0.85},
    "Zoom Out 2x": {"outpaint": Outpaint(zoom=2.0)},
    "Zoom Out 1.5x": {"outpaint": Outpaint(zoom=1.5)},
    **{pan: {"outpaint": outpaint} for pan, outpaint in PANS.items()},
}


async def pick(town: Town) -> discord.Message:
    """Have four pictures drawn and the second posted by itself."""
    job_id = await town.deliver()
    answer = await town.bob.click(town.message_of(job_id), label="U2")
    message: discord.Message = answer.followups[0].message
    return message


def custom_id_of(message: discord.Message, label: str) -> str:
    buttons = [one for row in message.components for one in getattr(row, "children", [])]
    return next(str(one.custom_id) for one in buttons if str(one.label or one.emoji) == label)


def check(job: Job, origin: Job, expected: dict[str, Any]) -> None:
    source = job.request.source
    assert source is not None
    assert (source.job_id, source.index) == (origin.id, 1)
    for name, value in expected.items():
        told = source.strength if name == "strength" else getattr(job.request, name)
        assert told == value
    assert job.spec.positive_text == origin.spec.positive_text


async def test_a_single_picture_has_the_buttons_members_know(town: Town) -> None:
    message = await pick(town)
    assert labels(message) == [
        ["Upscale (Subtle)", "Upscale (Creative)"],
        ["Vary (Subtle)", "Vary (Strong)", "Vary (Region)"],
        ["Zoom Out 2x", "Zoom Out 1.5x", "Custom Zoom"],
        ["⬅️", "➡️", "⬆️", "⬇️"],
    ]


async def test_every_button_asks_for_what_it_says_after_a_restart_too(town: Town) -> None:
    message = await pick(town)
    origin = town.newest_job()
    for label, expected in EXPECTED.items():
        await town.alice.click(message, custom_id=custom_id_of(message, label))
        check(town.newest_job(), origin, expected)
    await town.restart()
    for label in ("Upscale (Subtle)", "Zoom Out 2x", "⬆️"):
        count = len(town.memory.jobs)
        await town.alice.click(message, custom_id=custom_id_of(message, label))
        assert len(town.memory.jobs) == count + 1
        check(town.newest_job(), origin, EXPECTED[label])


async def test_a_picture_that_is_not_square_can_be_made_so(town: Town) -> None:
    job_id = await town.ask()
    await town.start(job_id)
    drawn = town.draw(job_id)
    wide = GenerationResult(images=tuple(replace(image, width=96) for image in drawn.images))
    await town.move(
        job_id, lambda job: job.deliver(attempt=job.attempt, result=wide, now=town.now())
    )
    message = (await town.bob.click(town.message_of(job_id), label="U2")).followups[0].message
    assert "Make Square" in labels(message)[2]
    await town.alice.click(message, label="Make Square")
    job = town.newest_job()
    assert job.request.outpaint == Outpaint(top=0.25, bottom=0.25)
    assert str(job.spec.aspect_ratio) == "1:1"


async def test_a_part_is_named_in_words_and_drawn_as_others_say(town: Town) -> None:
    message = await pick(town)
    shown = await town.bob.click(message, label="Vary (Region)")
    await town.bob.submit_modal(shown, {"where": "right half", "words": "a whale"})
    job = town.newest_job()
    assert job.request.mask == Mask(boxes=(Box(left=0.5, top=0, right=1, bottom=1),))
    assert job.spec.positive_text == "a whale"
    assert job.spec.effort.mode is Mode.INPAINT


async def test_a_part_is_marked_by_a_mask(town: Town) -> None:
    message = await pick(town)
    shown = await town.bob.click(message, label="Vary (Region)")
    await town.bob.submit_modal(shown, {"mask": ("mask.png", a_picture()), "words": "a whale"})
    (upload,) = town.darkroom.store.uploads.values()
    assert town.newest_job().request.mask == Mask(picture=PictureRef(upload_id=upload.id))
    assert upload.account_id == f"discord:{town.bob.id}"


async def test_a_part_that_nobody_knows_is_told_to_whoever_named_it(town: Town) -> None:
    message = await pick(town)
    count = len(town.memory.jobs)
    for where in ("somewhere", ""):
        shown = await town.bob.click(message, label="Vary (Region)")
        answer = await town.bob.submit_modal(shown, {"where": where, "words": "a whale"})
        assert answer.followups[0].ephemeral
        assert "names no part" in answer.followups[0].content
    assert len(town.memory.jobs) == count


@pytest.mark.parametrize(("typed", "zoom"), [("1.7x", 1.7), ("1,2", 1.2), ("9", None), ("x", None)])
async def test_a_zoom_of_ones_own(town: Town, typed: str, zoom: float | None) -> None:
    message = await pick(town)
    count = len(town.memory.jobs)
    shown = await town.bob.click(message, label="Custom Zoom")
    await town.bob.submit_modal(shown, {"zoom": typed, "words": "a fox far away"})
    assert (len(town.memory.jobs) == count + 1) == (zoom is not None)
    if zoom is not None:
        assert town.newest_job().request.outpaint == Outpaint(zoom=zoom)


async def test_a_picture_that_is_attached_is_started_from(town: Town) -> None:
    await town.alice.slash(
        town.channel,
        "imagine",
        prompt="a fox",
        image=("start.png", a_picture()),
        image_prompt=("look.png", a_picture(1)),
        strength=0.4,
        tile=True,
    )
    job = town.newest_job()
    start, look = town.darkroom.store.uploads.values()
    assert job.request.source is not None
    assert (job.request.source.upload_id, job.request.source.strength) == (start.id, 0.4)
    assert [one.upload_id for one in job.request.image_prompts] == [look.id]
    assert job.spec.is_tiled


def red() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (64, 64), FORBIDDEN_COLOUR).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (red(), "held back"),
        (b"no picture at all", "not a picture"),
        (bytes(UPLOAD_BYTES_MAX + 1), "too large"),
    ],
    ids=["red", "text", "large"],
)
async def test_an_attachment_that_cannot_be_used_is_told(
    town: Town, data: bytes, sentence: str
) -> None:
    answer = await town.alice.slash(
        town.channel, "imagine", prompt="a fox", image=("start.png", data)
    )
    assert sentence in answer.followups[-1].content
    assert town.memory.jobs == {}
    assert town.darkroom.store.uploads == {}
