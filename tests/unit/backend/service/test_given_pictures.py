"""Pictures that requests are given: who may use them, and what follows from them."""

from dataclasses import replace
from typing import Any

import pytest

from backend.contracts import BoxUse, ImagePromptUse, MaskUse, OutpaintUse, SourceKey, UpscaleUse
from backend.domain.errors import (
    ImageNotFound,
    ImagePromptsNotSupported,
    ImpastoError,
    JobNotFound,
    PictureOperationInvalid,
    PictureTooLarge,
    TilingNotSupported,
    UploadNotFound,
)
from backend.domain.families import ModelFamily
from backend.domain.jobs import Job, JobState
from backend.domain.prompts import AspectRatio, Mode
from backend.domain.requests import (
    AccountId,
    Box,
    ImagePrompt,
    JobId,
    Mask,
    Outpaint,
    PictureRef,
    SourceImage,
    Surface,
    UploadId,
    Upscale,
    UpscaleKind,
)
from backend.domain.results import GenerationResult, ImageVariant
from backend.domain.rework import Direction, Rework, Variation
from backend.domain.uploads import Upload
from backend.service.line import message_of
from tests.builders import a_job, a_request, a_requester, a_spec, an_image, at
from tests.fakes.services import FakeWorkshop

HALF = Mask(boxes=(Box(left=0, top=0, right=0.5, bottom=1),))
TWICE = Upscale(kind=UpscaleKind.SUBTLE)


@pytest.fixture
def workshop() -> FakeWorkshop:
    return FakeWorkshop()


async def deliver(
    workshop: FakeWorkshop, *, width: int = 96, height: int = 64, **asked: Any
) -> Job:
    images = tuple(an_image(index, width=width, height=height) for index in range(2))
    return await workshop.deliver(a_request(**asked), GenerationResult(images=images))


async def upload(workshop: FakeWorkshop, name: str = "alice", **fields: Any) -> UploadId:
    values = {
        "id": UploadId(f"upl_{name}"),
        "account_id": AccountId(f"discord:{name}"),
        "key": f"uploads/upl_{name}.png",
        "width": 300,
        "height": 200,
        "size_bytes": 9,
        "created_at": at(0),
        "expires_at": at(1000),
    }
    kept = Upload(**{**values, **fields})
    await workshop.darkroom.store.add(kept, most=9)
    return kept.id


async def submit(workshop: FakeWorkshop, **asked: Any) -> Job:
    return (await workshop.services.generations.submit(a_request(**asked))).job


def from_job(job_id: str, index: int = 0, strength: float = 1.0) -> SourceImage:
    return SourceImage(job_id=JobId(job_id), index=index, strength=strength)


def test_a_picture_is_of_a_job_or_an_upload_and_not_both() -> None:
    for wrong in ({}, {"job_id": JobId("gen_1"), "upload_id": UploadId("upl_1")}):
        with pytest.raises(ValueError, match="one of a job, or an upload"):
            PictureRef(**wrong)


async def test_a_new_picture_has_its_sources_shape_unless_another_is_asked_for(
    workshop: FakeWorkshop,
) -> None:
    source = SourceImage(upload_id=await upload(workshop), strength=0.5)
    assert (await submit(workshop, source=source)).spec.aspect_ratio == AspectRatio(
        width=3, height=2
    )
    square = await submit(workshop, source=source, aspect_ratio=AspectRatio())
    assert square.spec.aspect_ratio == AspectRatio()
    written = await submit(workshop, prompt="a fox --ar 2:1", source=source)
    assert written.spec.aspect_ratio == AspectRatio(width=2, height=1)


async def test_what_is_drawn_over_has_its_sources_shape_whatever_is_asked_for(
    workshop: FakeWorkshop,
) -> None:
    source = SourceImage(upload_id=await upload(workshop), strength=1.0)
    drawn_over = await submit(workshop, prompt="a fox --ar 1:1", source=source, mask=HALF)
    assert drawn_over.spec.aspect_ratio == AspectRatio(width=3, height=2)
    grown = await submit(workshop, source=source, outpaint=Outpaint(right=1.0))
    assert grown.spec.aspect_ratio == AspectRatio(width=3, height=1)


@pytest.mark.parametrize("role", ["source", "mask", "prompt"])
@pytest.mark.parametrize(
    ("fields", "account"),
    [({}, "bob"), ({"expires_at": at(0)}, "alice"), ({"id": UploadId("upl_other")}, "alice")],
)
async def test_an_upload_is_for_its_owner_and_for_a_while(
    workshop: FakeWorkshop, role: str, fields: dict[str, Any], account: str
) -> None:
    await upload(workshop, **fields)
    origin = await deliver(workshop)
    theirs = UploadId("upl_alice")
    asked: dict[str, Any] = {
        "source": {"source": SourceImage(upload_id=theirs, strength=0.5)},
        "mask": {"source": from_job(origin.id), "mask": Mask(picture=PictureRef(upload_id=theirs))},
        "prompt": {"image_prompts": (ImagePrompt(upload_id=theirs),)},
    }[role]
    with pytest.raises(UploadNotFound):
        await submit(workshop, requester=a_requester(account), **asked)


async def test_a_picture_in_a_channel_is_everybodys_and_one_of_the_api_its_owners(
    workshop: FakeWorkshop,
) -> None:
    origin = await deliver(workshop)
    bob = a_requester("bob")
    assert await submit(workshop, requester=bob, source=from_job(origin.id))
    for requester in (
        replace(bob, surface=Surface.REST),
        replace(bob, surface=Surface.COMMAND_LINE),
    ):
        with pytest.raises(JobNotFound):
            await submit(workshop, requester=requester, source=from_job(origin.id))
    owner = replace(a_requester("alice"), surface=Surface.REST)
    assert await submit(workshop, requester=owner, source=from_job(origin.id))
    private = await deliver(workshop, requester=owner)
    with pytest.raises(JobNotFound):
        await submit(workshop, requester=bob, source=from_job(private.id))


@pytest.mark.parametrize(
    ("source", "error"),
    [
        (("gen_none", 0), JobNotFound),
        (("origin", 7), ImageNotFound),
        (("waiting", 0), ImageNotFound),
    ],
)
async def test_a_picture_that_is_not_there_is_refused_at_once(
    workshop: FakeWorkshop, source: tuple[str, int], error: type[ImpastoError]
) -> None:
    ids = {"origin": (await deliver(workshop)).id, "waiting": (await submit(workshop)).id}
    name, index = source
    with pytest.raises(error):
        await submit(workshop, source=from_job(ids.get(name, name), index))


@pytest.mark.parametrize(
    "asked",
    [
        {"mask": HALF},
        {"outpaint": Outpaint(zoom=2)},
        {"upscale": TWICE},
        {"source": "origin", "mask": HALF, "outpaint": Outpaint(zoom=2)},
        {"source": "origin", "mask": Mask()},
        {"source": "origin", "mask": Mask(boxes=(Box(left=0.5, top=0, right=0.5, bottom=1),))},
        {"source": "origin", "mask": Mask(boxes=(Box(left=0, top=0, right=1.2, bottom=1),))},
        {"source": "origin", "outpaint": Outpaint()},
        {"source": "origin", "outpaint": Outpaint(zoom=3)},
        {"source": "origin", "outpaint": Outpaint(left=float("nan"))},
        {"source": "origin", "outpaint": Outpaint(left=1, right=1)},
        {"source": "origin", "upscale": Upscale(kind=UpscaleKind.SUBTLE, factor=3)},
        {"image_prompts": "five"},
        {"image_prompts": "heavy"},
        {"prompt": "a fox --zoom 1.5"},
    ],
)
async def test_what_makes_no_sense_of_a_picture_is_refused(
    workshop: FakeWorkshop, asked: dict[str, Any]
) -> None:
    origin = await deliver(workshop)
    one = ImagePrompt(job_id=origin.id)
    known: dict[str, Any] = {
        "origin": from_job(origin.id),
        "five": (one,) * 5,
        "heavy": (replace(one, scale=4.0),),
    }
    asked = {
        name: known.get(value, value) if isinstance(value, str) else value
        for name, value in asked.items()
    }
    if asked.get("source") == "origin":
        asked["source"] = from_job(origin.id)
    if asked.pop("zoom", False):
        given = await workshop.darkroom.given.look(a_request())
        with pytest.raises(PictureOperationInvalid):
            given.complete(a_spec(zoom=1.5), a_request())
        return
    with pytest.raises(PictureOperationInvalid):
        await submit(workshop, **asked)


async def test_a_picture_that_would_become_too_large_is_refused(workshop: FakeWorkshop) -> None:
    origin = await deliver(workshop, width=1536, height=1024)
    await submit(workshop, source=from_job(origin.id), upscale=TWICE)
    for upscale in (
        Upscale(kind=UpscaleKind.CREATIVE),
        Upscale(kind=UpscaleKind.SUBTLE, factor=4.0),
    ):
        with pytest.raises(PictureTooLarge):
            await submit(workshop, source=from_job(origin.id), upscale=upscale)


@pytest.mark.parametrize("family", [ModelFamily.SD3, ModelFamily.FLUX])
async def test_a_family_that_cannot_is_refused_before_anything_waits(
    workshop: FakeWorkshop, family: ModelFamily
) -> None:
    origin = await deliver(workshop)
    with pytest.raises(TilingNotSupported, match=family):
        await submit(workshop, family=family, is_tiled=True)
    with pytest.raises(ImagePromptsNotSupported, match=family):
        await submit(workshop, family=family, image_prompts=(ImagePrompt(job_id=origin.id),))


async def test_what_a_job_costs_depends_on_what_is_done(workshop: FakeWorkshop) -> None:
    origin = await deliver(workshop, width=1024, height=1024)
    source = from_job(origin.id)

    async def cost_s(**asked: Any) -> float:
        return (await submit(workshop, image_count=1, **asked)).predicted_s

    plain = await cost_s()
    assert await cost_s(source=from_job(origin.id, strength=0.5)) == pytest.approx(
        plain / 2, rel=0.1
    )
    assert await cost_s(source=source, mask=HALF) == pytest.approx(plain)
    assert await cost_s(source=source, outpaint=Outpaint(right=1.0)) > 1.8 * plain
    assert await cost_s(source=source, upscale=TWICE) < plain
    creative = Upscale(kind=UpscaleKind.CREATIVE)
    assert await cost_s(source=from_job(origin.id, strength=0.4), upscale=creative) > 1.4 * plain


async def test_the_worker_is_told_of_everything_a_job_is_given(workshop: FakeWorkshop) -> None:
    upload_id = await upload(workshop)
    origin = await deliver(workshop)
    request = a_request(
        source=from_job(origin.id, 1, 0.9),
        mask=Mask(picture=PictureRef(upload_id=upload_id), boxes=HALF.boxes),
        image_prompts=(ImagePrompt(upload_id=upload_id, scale=0.4), ImagePrompt(job_id=origin.id)),
        is_tiled=True,
    )
    job = (await workshop.services.generations.submit(request)).job
    keys = await workshop.darkroom.given.keys_of(job)
    assert keys is not None
    message = message_of(job, keys)
    original = an_image(1).keys[ImageVariant.ORIGINAL]
    assert message.source == SourceKey(key=original, strength=0.9)
    box = BoxUse(left=0, top=0, right=0.5, bottom=1)
    assert message.mask == MaskUse(key="uploads/upl_alice.png", boxes=(box,))
    assert message.image_prompts == (
        ImagePromptUse(key="uploads/upl_alice.png", scale=0.4),
        ImagePromptUse(key=an_image(0).keys[ImageVariant.ORIGINAL], scale=1.0),
    )
    assert message.is_tiled
    heavier = replace(job, spec=replace(job.spec, image_weight=2.0))
    keys = await workshop.darkroom.given.keys_of(heavier)
    assert keys is not None
    assert {one.scale for one in keys.image_prompts} == {2.0}


async def test_the_worker_is_told_how_a_picture_grows_or_becomes_larger(
    workshop: FakeWorkshop,
) -> None:
    origin = await deliver(workshop)
    grown = await submit(workshop, source=from_job(origin.id), outpaint=Outpaint(zoom=1.5))
    larger = await submit(workshop, source=from_job(origin.id), upscale=TWICE, image_count=4)
    keys = await workshop.darkroom.given.keys_of(grown)
    assert keys is not None
    assert message_of(grown, keys).outpaint == OutpaintUse(zoom=1.5)
    closer = replace(grown, spec=replace(grown.spec, zoom=1.2))
    assert message_of(closer, keys).outpaint == OutpaintUse(zoom=1.2)
    message = message_of(larger, keys)
    assert message.upscale == UpscaleUse(kind=UpscaleKind.SUBTLE, factor=2.0)
    assert message.image_count == 1


@pytest.mark.parametrize("gone", ["source", "mask", "prompt"])
async def test_a_job_whose_picture_is_gone_is_told_apart(workshop: FakeWorkshop, gone: str) -> None:
    there = PictureRef(upload_id=await upload(workshop))
    lost = PictureRef(upload_id=UploadId("upl_lost"))

    def ref(role: str) -> dict[str, Any]:
        return vars(lost if role == gone else there)

    request = a_request(
        source=SourceImage(**ref("source"), strength=0.5),
        mask=Mask(picture=PictureRef(**ref("mask"))),
        image_prompts=(ImagePrompt(**ref("prompt")),),
    )
    assert await workshop.darkroom.given.keys_of(a_job(request=request)) is None


@pytest.mark.parametrize(
    ("rework", "mode", "ratio"),
    [
        (Rework.vary(Variation.SUBTLE), Mode.IMAGE, "3:2"),
        (Rework.zoom_out(2.0), Mode.OUTPAINT, "3:2"),
        (Rework.pan(Direction.LEFT), Mode.OUTPAINT, "39:20"),
        (Rework.make_square(width=96, height=64), Mode.OUTPAINT, "1:1"),
        (Rework.redraw(HALF, prompt="a whale"), Mode.INPAINT, "3:2"),
        (Rework.enlarge(UpscaleKind.SUBTLE), Mode.UPSCALE_SUBTLE, "3:2"),
        (Rework.enlarge(UpscaleKind.CREATIVE), Mode.UPSCALE_CREATIVE, "3:2"),
    ],
)
async def test_a_delivered_picture_is_worked_on_again_and_again(
    workshop: FakeWorkshop, rework: Rework, mode: Mode, ratio: str
) -> None:
    generations = workshop.services.generations
    origin = await deliver(workshop, aspect_ratio=AspectRatio(width=3, height=2), image_count=4)
    job = (await generations.rework(origin.id, 1, a_requester(), rework)).job
    assert job.state is JobState.QUEUED
    assert job.spec.effort.mode is mode
    assert str(job.spec.aspect_ratio) == ratio
    assert job.request.source is not None
    assert (job.request.source.job_id, job.request.source.index) == (origin.id, 1)
    assert job.spec.image_count == (1 if rework.upscale else 4)
    words = "a whale" if rework.prompt else origin.spec.positive_text
    assert job.spec.positive_text == words
    # The next one starts from what this one made, and does nothing else that was done to it.
    until = at(9000)
    await workshop.jobs.change(job.id, lambda row: row.dispatch(now=at(5000), until=until))
    await workshop.jobs.change(
        job.id, lambda row: row.start(attempt=1, worker="w", now=at(5000), until=until)
    )
    result = GenerationResult(images=(an_image(0, width=128, height=96),))
    await workshop.jobs.change(
        job.id, lambda row: row.deliver(attempt=1, result=result, now=at(5001))
    )
    again = (await generations.vary(job.id, 0, a_requester())).job
    assert (again.request.mask, again.request.outpaint, again.request.upscale) == (None, None, None)
    assert again.spec.effort.mode is Mode.IMAGE
    assert again.spec.image_count == 4


async def test_a_reroll_does_the_same_to_the_same_picture(workshop: FakeWorkshop) -> None:
    origin = await deliver(workshop)
    generations = workshop.services.generations
    job = (await generations.rework(origin.id, 0, a_requester(), Rework.zoom_out(1.5))).job
    again = (await generations.reroll(job.id, a_requester())).job
    assert again.request.outpaint == Outpaint(zoom=1.5)
    assert again.request.source == job.request.source
    assert again.seed != job.seed


async def test_what_the_words_said_of_pictures_is_said_of_them_again(
    workshop: FakeWorkshop,
) -> None:
    origin = await deliver(workshop)
    generations = workshop.services.generations
    prompts = (ImagePrompt(job_id=origin.id, scale=0.5),)
    zoomed = Rework.zoom_out(2.0, prompt="a fox --zoom 1.4 --iw 1.5")
    first = await submit(workshop, prompt="a fox --iw 2", image_prompts=prompts)
    again = (await generations.reroll(first.id, a_requester())).job
    assert [one.scale for one in again.request.image_prompts] == [2.0]
    grown = (await generations.rework(origin.id, 0, a_requester(), zoomed)).job
    again = (await generations.reroll(grown.id, a_requester())).job
    assert again.request.outpaint == Outpaint(zoom=1.4)
