"""Seamless tiles: circular for one look, plain for the next."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from backend.contracts import ModelFamily
from gpu_worker.compose.adapters import AdaptedNetwork, Worn
from gpu_worker.families import open_family
from gpu_worker.family import Family, LoadedModel
from gpu_worker.render.drawing import DrawOrder
from gpu_worker.render.pipeline import Renderer
from gpu_worker.render.tiles import enlarge_meeting_edges
from gpu_worker.render.upscale import Upscaler, build_like
from gpu_worker.state import TilingNotSupported
from tests.fakes.engines import draw_alone, ignore, running
from tests.unit.gpu_worker.conftest import a_render_job, open_renderer
from tests.unit.gpu_worker.oracle import TOLERANCE, a_picture
from tests.unit.gpu_worker.test_upscale import weights


def an_order(**fields: Any) -> DrawOrder:
    return DrawOrder(job=a_render_job(guidance=3.0, **fields))


def test_a_tile_decoded_from_elsewhere_is_the_same_tile(sdxl: Family):
    latents = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        with sdxl.meeting_edges():
            whole = sdxl.decode(latents)
            moved = sdxl.decode(latents.roll((3, 5), dims=(2, 3)))
        plain = sdxl.decode(latents.roll((3, 5), dims=(2, 3)))
    side = sdxl.pixels_per_latent
    expected = whole.roll((3 * side, 5 * side), dims=(2, 3))
    assert (moved - expected).abs().max() <= TOLERANCE
    assert (plain - expected).abs().max() > 100 * TOLERANCE


def test_tiles_and_plain_pictures_in_flight_at_once_are_drawn_as_alone(
    renderer: Renderer, latents: list[torch.Tensor]
):
    jobs = [an_order(is_tiled=True), an_order(), an_order(is_tiled=True, seed=8)]
    alone = [draw_alone(renderer, job).pictures[0] for job in jobs]
    with running(renderer) as engine:
        together = [ended.result() for ended in [engine.submit(job, ignore) for job in jobs]]
    for one, drawn in zip(alone, together, strict=True):
        difference = np.asarray(one, np.int16) - np.asarray(drawn.pictures[0], np.int16)
        assert np.abs(difference).max() <= 1
    assert (latents[0] - latents[1]).abs().max() > 100 * TOLERANCE


def test_a_job_that_fails_midway_leaves_plain_edges_behind(sdxl: Family):
    latents = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        before = sdxl.decode(latents)
        with pytest.raises(ZeroDivisionError), sdxl.meeting_edges():
            raise ZeroDivisionError
        assert torch.equal(sdxl.decode(latents), before)


@pytest.mark.parametrize("family", [ModelFamily.SD3, ModelFamily.FLUX])
def test_a_transformer_refuses_tiles(
    loaded: Mapping[ModelFamily, LoadedModel], family: ModelFamily
):
    renderer = open_renderer(open_family(family, loaded[family]))
    with pytest.raises(TilingNotSupported):
        draw_alone(renderer, an_order(family=family, is_tiled=True))


def test_a_layer_that_wears_a_lora_meets_its_edges_too():
    layer = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3, padding=1))
    generator = torch.Generator().manual_seed(1)
    down, up = (torch.randn(shape, generator=generator) for shape in ((2, 3, 3, 3), (4, 2)))
    network = AdaptedNetwork(layer, dtype=torch.float32)
    network.wear([Worn(pairs={"0": (down, up)}, scale=1.0)])
    layer[0].padding_mode = "circular"
    picture = torch.randn(1, 3, 8, 8, generator=generator)
    with torch.inference_mode():
        moved = layer(picture.roll((3, 2), dims=(2, 3)))
        expected = layer(picture).roll((3, 2), dims=(2, 3))
    assert (moved - expected).abs().max() <= TOLERANCE


def test_an_enlarged_tile_still_meets_itself():
    network = build_like(weights(width=6, depth=3, scale=2))
    upscaler = Upscaler(network=network, device=torch.device("cpu"))
    picture = a_picture(48)
    drawn = enlarge_meeting_edges(upscaler.enlarge, picture, scale=2)
    moved = Image.fromarray(np.roll(np.asarray(picture), (11, 17), axis=(0, 1)))
    again = enlarge_meeting_edges(upscaler.enlarge, moved, scale=2)
    expected = np.roll(np.asarray(drawn, np.int16), (22, 34), axis=(0, 1))
    assert drawn.size == (96, 96)
    assert np.abs(np.asarray(again, np.int16) - expected).max() <= 1


def test_open_renderer_draws_tiles_of_any_shape(sdxl: Family):
    drawing = draw_alone(open_renderer(sdxl), an_order(is_tiled=True, aspect_width=2))
    assert drawing.pictures[0].width > drawing.pictures[0].height
