"""Real loading and drawing in a worker process, and what is said about models that are not."""

import shutil
from pathlib import Path

import pytest
from PIL import Image

from backend.contracts import (
    ImagePromptUse,
    ImageVariant,
    MaskUse,
    ModelFamily,
    RenderJob,
    SourceKey,
    UpscaleKind,
    UpscaleUse,
)
from storage.keys import upload_key
from tests.integration.gpu_worker.conftest import Line, StartWorker, a_render_job

UNET = "unet/diffusion_pytorch_model.safetensors"


def draw(line: Line, start_worker: StartWorker, job: RenderJob, **settings: object):
    start_worker(family=job.family, engine="diffusers", **settings)
    line.send(job)
    return line.outcome(job)


def test_a_real_pipeline_draws_the_same_pixels_for_the_same_seed_and_from_a_source(
    line: Line, start_worker: StartWorker, tiny_sdxl: Path, tmp_path: Path
):
    begun = draw(line, start_worker, a_render_job(1), model_sdxl=tiny_sdxl)
    first = begun.images[0]
    assert (first.width, first.height) == (64, 64)
    key = first.keys[ImageVariant.ORIGINAL]
    with Image.open(tmp_path / "home/objects" / key) as picture:
        assert picture.size == (64, 64)

    def draw_next(number: int, **fields: object):
        job = a_render_job(number, **fields)
        line.send(job)
        return line.outcome(job)

    again = draw_next(2)
    assert again.recipe.pixels_sha256 == begun.recipe.pixels_sha256
    # What they are marked with names each picture, so the files are two.
    assert again.images[0].registry_id != first.registry_id
    assert again.images[0].sha256 != first.sha256
    assert draw_next(3, seed=8).recipe.pixels_sha256 != begun.recipe.pixels_sha256
    source = SourceKey(key=key, strength=0.4)
    fourth, fifth = (draw_next(number, source=source) for number in (4, 5))
    assert fourth.recipe.pixels_sha256 == fifth.recipe.pixels_sha256


def test_pictures_given_to_a_job_are_read_drawn_with_and_told_apart(
    line: Line, start_worker: StartWorker, tiny_sdxl: Path, tmp_path: Path
):
    objects = tmp_path / "home/objects"
    white = Image.new("RGB", (64, 64), "white")
    half = Image.new("L", (64, 64), 0)
    half.paste(255, (32, 0, 64, 64))
    for name, picture in (("source", white), ("mask", half)):
        path = objects / upload_key(f"upl_{name}")
        path.parent.mkdir(parents=True, exist_ok=True)
        picture.save(path)
    job = a_render_job(
        1,
        source=SourceKey(key=upload_key("upl_source"), strength=1.0),
        mask=MaskUse(key=upload_key("upl_mask")),
    )
    drawn = draw(line, start_worker, job, model_sdxl=tiny_sdxl).images[0]
    with Image.open(objects / drawn.keys[ImageVariant.ORIGINAL]) as picture:
        # The watermark goes over all of it, a few levels at most.
        assert min(low for low, _ in picture.crop((0, 0, 32, 64)).getextrema()) > 235
        assert min(low for low, _ in picture.crop((36, 0, 64, 64)).getextrema()) < 200
    larger = a_render_job(
        2, source=job.source, upscale=UpscaleUse(kind=UpscaleKind.SUBTLE), steps=None
    )
    line.send(larger)
    enlarged = line.outcome(larger).images[0]
    assert (enlarged.width, enlarged.height) == (128, 128)
    gone = a_render_job(3, source=job.source, mask=MaskUse(key=upload_key("upl_gone")))
    line.send(gone)
    assert line.outcome(gone).code == "source_missing"
    unseen = a_render_job(4, image_prompts=(ImagePromptUse(key=upload_key("upl_source")),))
    line.send(unseen)
    assert line.outcome(unseen).code == "image_prompts_not_supported"


def test_a_source_that_is_gone_is_told(line: Line, start_worker: StartWorker):
    start_worker()
    job = a_render_job(source=SourceKey(key="images/aa/gone/original.png", strength=0.5))
    line.send(job)
    outcome = line.outcome(job)
    assert (outcome.code, outcome.is_retryable) == ("source_missing", False)


@pytest.mark.parametrize("family", [ModelFamily.SD3, ModelFamily.FLUX])
def test_a_family_without_a_model_says_so(
    line: Line, start_worker: StartWorker, family: ModelFamily
):
    outcome = draw(line, start_worker, a_render_job(family=family))
    assert (outcome.code, outcome.is_retryable) == ("model_not_configured", False)
    assert outcome.message == (
        f"No model is configured for {family}. "
        f"Set IMPASTO_MODEL_{family.upper()} to a diffusers folder."
    )


@pytest.mark.parametrize("missing", ["model_sdxl", "signature"])
def test_a_missing_folder_is_told(
    line: Line, start_worker: StartWorker, tiny_sdxl: Path, tmp_path: Path, missing: str
):
    settings = {"model_sdxl": tiny_sdxl, missing: tmp_path / "nowhere"}
    outcome = draw(line, start_worker, a_render_job(), **settings)
    assert (outcome.code, outcome.is_retryable) == ("model_missing", False)
    assert str(tmp_path / "nowhere") in outcome.message


def test_a_truncated_file_is_named_and_a_repaired_folder_is_drawn_with(
    line: Line, start_worker: StartWorker, tiny_sdxl: Path, tmp_path: Path
):
    folder = Path(shutil.copytree(tiny_sdxl, tmp_path / "model"))
    whole = (folder / UNET).read_bytes()
    (folder / UNET).write_bytes(whole[:-100])
    outcome = draw(line, start_worker, a_render_job(1), model_sdxl=folder)
    assert (outcome.code, outcome.is_retryable) == ("model_broken", False)
    assert str(folder / UNET) in outcome.message
    (folder / UNET).write_bytes(whole)
    job = a_render_job(2)
    line.send(job)
    assert line.outcome(job).kind == "render_finished"
