"""Pictures made larger: as they are, and drawn over tile by tile."""

import copy
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import pairwise
from typing import Any

import diffusers
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from backend.contracts import Sampler, SourceKey, UpscaleKind, UpscaleUse
from gpu_worker.compose.room import open_work_memory
from gpu_worker.family import Family, LoadedModel
from gpu_worker.render.drawing import DrawOrder
from gpu_worker.render.enlarging import enlarge_once
from gpu_worker.render.mosaic import tile
from gpu_worker.render.pipeline import Renderer
from gpu_worker.render.upscale import Upscaler, build_like
from gpu_worker.state import BadRequest
from gpu_worker.vram.budget import Budget
from gpu_worker.vram.manager import VramManager
from gpu_worker.vram.recovery import Portion
from tests.fakes.engines import draw_alone, ignore, running
from tests.unit.gpu_worker.conftest import a_render_job, open_renderer
from tests.unit.gpu_worker.oracle import PROMPT, TOLERANCE, a_picture, seeds, stock
from tests.unit.gpu_worker.test_upscale import untrained, weights

CREATIVE = UpscaleUse(kind=UpscaleKind.CREATIVE, factor=2.0)


def an_order(upscale: UpscaleUse, source: Image.Image, **fields: Any) -> DrawOrder:
    fields = {"source": SourceKey(key="images/a.png", strength=0.4), "steps": 5, **fields}
    return DrawOrder(job=a_render_job(upscale=upscale, **fields), source=source)


@pytest.fixture
def larger(sdxl: Family) -> Renderer:
    return open_renderer(sdxl, enlarger=untrained(2))


@pytest.mark.parametrize("factor", [1.5, 2.0, 4.0])
def test_a_subtle_upscale_is_the_same_picture_in_its_new_size(larger: Renderer, factor: float):
    source = a_picture()
    upscale = UpscaleUse(kind=UpscaleKind.SUBTLE, factor=factor)
    drawing = draw_alone(larger, an_order(upscale, source))
    (picture,) = drawing.pictures
    assert picture.size == (round(64 * factor),) * 2
    small = np.asarray(picture.resize((64, 64), Image.Resampling.BOX), np.int16)
    assert np.abs(small - np.asarray(source, np.int16)).max() <= 3
    assert drawing.upscale_s > 0
    assert drawing.denoise_s == 0


def test_a_subtle_upscale_does_not_hold_up_who_is_being_drawn(larger: Renderer):
    upscale = UpscaleUse(kind=UpscaleKind.SUBTLE, factor=2.0)
    with running(larger) as engine:
        drawn = engine.submit(DrawOrder(job=a_render_job(steps=3)), ignore)
        enlarged = engine.submit(an_order(upscale, a_picture()), ignore)
        assert enlarged.result().pictures[0].size == (128, 128)
        assert drawn.result().pictures[0].size == (64, 64)


def test_a_picture_that_would_become_too_large_is_refused(larger: Renderer):
    upscale = UpscaleUse(kind=UpscaleKind.SUBTLE, factor=4.0)
    with pytest.raises(BadRequest, match="4096"):
        draw_alone(larger, an_order(upscale, Image.new("RGB", (1100, 300))))
    with pytest.raises(BadRequest, match="draws over"):
        draw_alone(larger, an_order(CREATIVE, Image.new("RGB", (120, 120))))


def test_a_worker_without_an_upscaler_says_so(renderer: Renderer):
    upscale = UpscaleUse(kind=UpscaleKind.SUBTLE, factor=2.0)
    with pytest.raises(BadRequest, match="no upscaler"):
        draw_alone(renderer, an_order(upscale, a_picture()))


def test_a_creative_upscale_is_drawn_over_in_its_new_size(larger: Renderer):
    drawing = draw_alone(larger, an_order(CREATIVE, a_picture()))
    (picture,) = drawing.pictures
    assert picture.size == (128, 128)
    assert drawing.denoise_s > 0


def test_a_model_that_draws_no_parts_is_told_no_words_of_them(
    sdxl: Family, latents: list[torch.Tensor]
):
    whole = copy.copy(sdxl)
    whole.defaults = replace(sdxl.defaults, draws_parts=False)
    renderer = open_renderer(whole)
    for prompt in ("a fox", "a whale"):
        draw_alone(renderer, an_order(CREATIVE, a_picture(), prompt=prompt))
        draw_alone(open_renderer(sdxl), an_order(CREATIVE, a_picture(), prompt=prompt))
    fox, fox_told, whale, whale_told = latents
    assert torch.equal(fox, whale)
    assert not torch.equal(fox_told, whale_told)


@pytest.mark.oracle
@pytest.mark.parametrize("sampler", [Sampler.EULER_A, Sampler.DPMPP_2M, Sampler.DDIM])
def test_one_tile_of_a_creative_upscale_equals_the_stock_pipeline(
    larger: Renderer, loaded_sdxl: LoadedModel, latents: list[torch.Tensor], sampler: Sampler
):
    small = a_picture().resize((32, 32), Image.Resampling.BOX)
    draw_alone(larger, an_order(CREATIVE, small, sampler=sampler, guidance=3.0))
    pipe = stock(
        loaded_sdxl, diffusers.StableDiffusionXLImg2ImgPipeline, sampler, add_watermarker=False
    )
    expected = pipe(
        prompt=PROMPT,
        image=small.resize((64, 64), Image.Resampling.LANCZOS),
        strength=0.4,
        generator=seeds(7, 1),
        num_inference_steps=5,
        guidance_scale=3.0,
        output_type="latent",
    ).images
    assert (latents[0] - expected).abs().max() <= TOLERANCE


def test_a_mosaic_of_a_job_may_share_its_looks(larger: Renderer, latents: list[torch.Tensor]):
    order = an_order(CREATIVE, a_picture(), seed=11)
    draw_alone(larger, order)
    with running(larger) as engine:
        plain = engine.submit(DrawOrder(job=a_render_job(steps=6)), ignore)
        engine.submit(order, ignore).result()
        plain.result()
    same = [one for one in latents if one.shape[-1] == 16]
    assert (same[0] - same[1]).abs().max() <= TOLERANCE


@given(height=st.integers(1, 70), width=st.integers(1, 70), side=st.sampled_from((8, 16, 32)))
def test_a_mosaic_put_together_again_is_what_was_cut(height: int, width: int, side: int):
    mosaic = tile(height, width, side=side)
    whole = torch.randn(2, 3, height, width, generator=torch.Generator().manual_seed(1))
    tiles = mosaic.cut(whole)
    assert tiles.shape == (2 * len(mosaic.places), 3, min(height, side), min(width, side))
    assert (mosaic.join(tiles) - whole).abs().max() < 1e-5


@given(length=st.integers(33, 200))
def test_tiles_reach_both_ends_and_overlap(length: int):
    begins = sorted({left for _, left in tile(8, length, side=32).places})
    assert begins[0] == 0
    assert begins[-1] + 32 == length
    assert all(second - first <= 24 for first, second in pairwise(begins))


def test_no_seam_shows_where_tiles_disagree():
    mosaic = tile(16, 40, side=16)
    tiles = torch.zeros(len(mosaic.places), 1, 16, 16)
    tiles += torch.arange(len(mosaic.places)).view(-1, 1, 1, 1)
    joined = mosaic.join(tiles)[0, 0]
    assert joined[:, 0].unique().tolist() == [0]
    assert joined[:, -1].unique().tolist() == [len(mosaic.places) - 1]
    # From tile to tile by small steps: the weights of a tile's edge are next to nothing.
    assert (joined[:, 1:] - joined[:, :-1]).abs().max() < 0.5


def test_large_pictures_are_enlarged_by_tiles_that_leave_no_trace(sdxl: Family):
    network = build_like(weights(width=6, depth=3, scale=2))
    upscaler = Upscaler(network=network, device=torch.device("cpu"))
    picture = a_picture(320)
    whole = enlarge_once(upscaler, picture, Portion.WHOLE, memory=None)
    tiled = enlarge_once(upscaler, picture, Portion.TILES, memory=None)
    assert whole.tobytes() == tiled.tobytes()


class NotingBooks(VramManager):
    """Books whose loans are noted."""

    def __init__(self) -> None:
        super().__init__(budget=Budget(device_bytes=2**33, reserved_bytes=0))
        self.lent: list[str] = []

    @contextmanager
    def hold(self, component: str, size_bytes: int, **more: Any) -> Iterator[bool]:
        assert size_bytes > 0
        self.lent.append(component)
        with super().hold(component, size_bytes, **more) as was_there:
            yield was_there


def test_enlarging_and_reading_a_source_are_booked(sdxl: Family, loaded_sdxl: LoadedModel):
    books = NotingBooks()
    memory = open_work_memory(books, loaded_sdxl, sdxl)
    renderer = open_renderer(sdxl, memory=memory, enlarger=untrained(2))
    draw_alone(renderer, an_order(CREATIVE, a_picture()))
    draw_alone(renderer, an_order(UpscaleUse(kind=UpscaleKind.SUBTLE, factor=2.0), a_picture()))
    assert books.lent == ["encoding", "a step", "a step", "decoding", "upscaling"]
    assert books.look().held_bytes == 0


def test_what_the_model_enlarges_by_is_booked_too(sdxl: Family, loaded_sdxl: LoadedModel):
    books = NotingBooks()
    memory = open_work_memory(books, loaded_sdxl, sdxl)
    renderer = open_renderer(sdxl, memory=memory, upscaler=untrained(2))
    draw_alone(renderer, DrawOrder(job=a_render_job(steps=1)))
    assert books.lent == ["a step", "decoding", "upscaling"]
