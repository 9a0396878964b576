"""`/verify` and *Where is this from?*, in the simulated Discord."""

import hashlib
import io

import pytest
from PIL import Image

from backend.domain.requests import JobId
from backend.domain.results import GenerationResult, ImageVariant
from backend.service.provenance import CHECK_BYTES_MAX
from safety.fingerprint import fingerprint
from tests.builders import an_image
from tests.fakes.discord import Town
from tests.fakes.marks import signed_png
from tests.unit.safety.pictures import made_picture

MENU = "Where is this from?"


def a_scene() -> Image.Image:
    """Return a picture with enough in it to be told from others."""
    return made_picture(90)


async def delivered(town: Town, scene: Image.Image) -> tuple[JobId, bytes]:
    """Deliver a picture as a worker would, marked and signed."""
    job_id = await town.ask()
    await town.start(job_id)
    png = signed_png(town.watermark.embed(scene, 7))
    found = fingerprint(scene)
    image = an_image(
        registry_id=7,
        digests={ImageVariant.ORIGINAL: hashlib.sha256(png).hexdigest()},
        fingerprint=found.hex,
        fingerprint_quality=found.quality,
    )
    result = GenerationResult(images=(image,))
    await town.move(
        job_id, lambda job: job.deliver(attempt=job.attempt, result=result, now=town.now())
    )
    return job_id, png


async def test_a_delivered_picture_is_told_as_ours_to_the_asker_alone(town: Town) -> None:
    job_id, png = await delivered(town, a_scene())
    answer = await town.bob.slash(town.channel, "verify", picture=("saved.png", png))
    assert answer.response is not None
    assert answer.response.ephemeral
    told = answer.response.content
    assert told.startswith("**This picture was made here.**")
    assert f"It is picture 1 of {job_id}." in told
    assert "content credentials are ours" in told
    assert "watermark is ours: 48 of 48" in told


async def test_a_copy_that_lost_its_manifest_is_known_by_how_it_looks(town: Town) -> None:
    scene = a_scene()
    job_id, _ = await delivered(town, scene)
    buffer = io.BytesIO()
    scene.save(buffer, "JPEG", quality=50)
    answer = await town.bob.slash(town.channel, "verify", picture=("x.jpg", buffer.getvalue()))
    assert answer.response is not None
    told = answer.response.content
    assert "made here" in told
    assert str(job_id) in told
    assert "no content credentials" in told
    assert "of 256 bits" in told


async def test_a_strangers_picture_is_of_unknown_origin(town: Town) -> None:
    await delivered(town, a_scene())
    buffer = io.BytesIO()
    Image.linear_gradient("L").save(buffer, "WEBP")
    answer = await town.bob.slash(town.channel, "verify", picture=("x.webp", buffer.getvalue()))
    assert answer.response is not None
    assert "Nothing tells where this picture is from" in answer.response.content


@pytest.mark.parametrize(
    ("data", "sentence"),
    [(b"no picture", "not a picture"), (bytes(CHECK_BYTES_MAX + 1), "too large")],
    ids=["text", "large"],
)
async def test_what_cannot_be_examined_is_told(town: Town, data: bytes, sentence: str) -> None:
    answer = await town.bob.slash(town.channel, "verify", picture=("x.png", data))
    said = answer.followups[-1] if answer.followups else answer.response
    assert said is not None
    assert sentence in said.content


async def test_the_menu_of_a_message_tells_of_its_pictures(town: Town) -> None:
    job_id, png = await delivered(town, a_scene())
    message = await town.alice.send(town.channel, "look", attachments=[("found.png", png)])
    answer = await town.bob.context_menu(town.channel, MENU, message)
    assert answer.response is not None
    assert answer.response.ephemeral
    assert str(job_id) in answer.response.content


async def test_the_menu_of_a_message_without_pictures_says_so(town: Town) -> None:
    message = await town.alice.send(town.channel, "only words")
    answer = await town.bob.context_menu(town.channel, MENU, message)
    assert answer.response is not None
    assert answer.response.content == "There is no picture in this message."
