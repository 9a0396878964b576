"""Memory runs out at any stage of the running engine: a picture or a typed failure, no wreck."""

import copy
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from backend.contracts import LoraUse, ModelFamily
from gpu_worker.compose.composer import load_model
from gpu_worker.compose.wardrobe import Wardrobe
from gpu_worker.engine.loop import Engine
from gpu_worker.families import open_family
from gpu_worker.family import Family, LoadedModel
from gpu_worker.render.drawing import Drawing, DrawOrder
from gpu_worker.render.pipeline import Renderer
from gpu_worker.render.tiles import decode_in_tiles, enlarge_in_tiles
from gpu_worker.samplers import open_sampler
from gpu_worker.state import OutOfMemory
from gpu_worker.vram.recovery import Recovery, Stage
from tests.fakes.engines import running
from tests.unit.gpu_worker.compose.loras import style_lora
from tests.unit.gpu_worker.conftest import a_render_job
from tests.unit.gpu_worker.test_upscale import untrained
from tests.unit.gpu_worker.vram.test_recovery import Shortage

PICTURES = 2
IN_THE_ENGINE = [Stage.ENCODE, Stage.DENOISE, Stage.DECODE, Stage.UPSCALE]


def a_renderer(family: Family, recovery: Recovery) -> Renderer:
    return Renderer(
        family=family,
        open_sampler=partial(
            open_sampler, family=family.name, scheduler_config=family.scheduler_config
        ),
        upscaler=untrained(2),
        recovery=recovery,
    )


def draw(engine: Engine, seed: int = 7) -> Drawing:
    order = DrawOrder(job=a_render_job(seed=seed, image_count=PICTURES))
    return engine.submit(order, lambda _done, _steps: None).result(timeout=60)


def distance(ours: Drawing, theirs: Drawing) -> float:
    """Return how far apart pictures are on average, in steps of 255."""
    pairs = zip(ours.pictures, theirs.pictures, strict=True)
    return max(
        float(np.abs(np.asarray(one, float) - np.asarray(other, float)).mean())
        for one, other in pairs
    )


@pytest.mark.parametrize("stage", IN_THE_ENGINE)
def test_a_stage_that_runs_out_once_still_brings_the_picture(sdxl: Family, stage: Stage):
    shortage, freed = Shortage(stage, 0), list[int]()
    renderer = a_renderer(sdxl, Recovery(free=lambda: freed.append(1), strike=shortage))
    with running(renderer) as engine:
        expected = draw(engine)
        shortage.left = 1
        drawn = draw(engine)
        assert (shortage.left, freed) == (0, [1])
        assert len(drawn.pictures) == PICTURES
        # Halves differ by floats' noise, tiles of a picture this small not at all.
        assert distance(drawn, expected) < 0.5
        assert distance(draw(engine), expected) == 0.0


@pytest.mark.parametrize("stage", IN_THE_ENGINE)
def test_a_stage_that_runs_out_again_fails_typed_and_the_next_job_is_drawn(
    sdxl: Family, stage: Stage
):
    shortage = Shortage(stage, 0)
    with running(a_renderer(sdxl, Recovery(free=lambda: None, strike=shortage))) as engine:
        expected = draw(engine)
        shortage.left = 2
        with pytest.raises(OutOfMemory, match="did not fit into memory") as caught:
            draw(engine)
        assert caught.value.is_retryable
        assert shortage.left == 0
        assert distance(draw(engine), expected) == 0.0


def test_others_in_flight_are_drawn_as_if_nothing_had_happened(sdxl: Family):
    shortage = Shortage(Stage.DENOISE, 0)
    with running(a_renderer(sdxl, Recovery(free=lambda: None, strike=shortage))) as engine:
        expected = [draw(engine, seed) for seed in (1, 2, 3)]
        shortage.left = 1
        orders = [
            DrawOrder(job=a_render_job(job_id=f"gen_{seed}", seed=seed, image_count=PICTURES))
            for seed in (1, 2, 3)
        ]
        coming = [engine.submit(order, lambda _done, _steps: None) for order in orders]
        drawn = [one.result(timeout=60) for one in coming]
    assert shortage.left == 0
    assert all(distance(one, other) < 0.5 for one, other in zip(drawn, expected, strict=True))


@pytest.mark.parametrize("times", [1, 2])
def test_a_model_that_runs_out_while_loading_is_loaded_again_or_fails_typed(
    tiny_sdxl: Path, times: int
):
    recovery = Recovery(free=lambda: None, strike=Shortage(Stage.LOAD, times))
    load = partial(
        load_model, ModelFamily.SDXL, str(tiny_sdxl), device="cpu", dtype="float32",
        recovery=recovery,
    )  # fmt: skip
    if times == 2:
        with pytest.raises(OutOfMemory, match="The model of sdxl did not fit"):
            load()
    with running(
        a_renderer(open_family(ModelFamily.SDXL, load()), Recovery(free=lambda: None))
    ) as engine:
        assert len(draw(engine).pictures) == PICTURES


@pytest.mark.parametrize("times", [1, 2])
def test_adapters_that_run_out_are_put_on_again_or_not_at_all(
    loaded_sdxl: LoadedModel, tmp_path: Path, times: int
):
    model = replace(loaded_sdxl, pipeline=copy.deepcopy(loaded_sdxl.pipeline))
    style_lora(tmp_path / "one.safetensors", model)
    recovery = Recovery(free=lambda: None, strike=Shortage(Stage.LOAD_ADAPTERS, times))
    renderer = a_renderer(open_family(ModelFamily.SDXL, model), recovery)
    wardrobe = Wardrobe(model=model, family=ModelFamily.SDXL, folder=tmp_path, cached_bytes=2**20)

    def dress() -> bool:
        return recovery.run(
            Stage.LOAD_ADAPTERS, lambda _portion: wardrobe.dress((LoraUse(name="one"),))
        )

    with running(renderer) as engine:
        bare = draw(engine)
        if times == 1:
            assert dress()
            assert distance(draw(engine), bare) > 1.0
            wardrobe.undress()
        else:
            with pytest.raises(OutOfMemory):
                dress()
            assert wardrobe.worn == ()
        assert distance(draw(engine), bare) == 0.0


def test_tiles_of_latents_make_the_picture_that_the_whole_makes(sdxl: Family):
    latents = torch.randn(1, 4, 24, 40, generator=torch.Generator().manual_seed(1)) * 0.5
    with torch.inference_mode():
        whole = sdxl.decode(latents)
        tiled = decode_in_tiles(sdxl, latents, side=16, overlap=8)
        one_tile = decode_in_tiles(sdxl, latents, side=64, overlap=8)
    assert tiled.shape == whole.shape
    torch.testing.assert_close(one_tile, whole)
    # The decoder's norms see less of the picture in a tile; random weights make the most of that.
    assert float((tiled - whole).abs().mean()) < 0.5 * float(whole.abs().mean())


def test_tiles_of_a_picture_are_enlarged_without_a_trace():
    noise = np.random.default_rng(1).integers(0, 255, (50, 70, 3), dtype=np.uint8)
    picture = Image.fromarray(noise)
    upscaler = untrained(2)
    (whole,) = upscaler.enlarge([picture])
    tiled = enlarge_in_tiles(upscaler.enlarge, picture, scale=2, side=16, margin=12)
    difference = np.abs(np.asarray(whole, int) - np.asarray(tiled, int))
    assert difference.max() <= 1
