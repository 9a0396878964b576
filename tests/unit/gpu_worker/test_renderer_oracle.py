"""Our loop against the stock SDXL pipelines, with the same seeds."""

from typing import Any

import diffusers
import numpy as np
import pytest
import torch

from backend.contracts import FAMILY_SAMPLERS, ModelFamily, Sampler, SourceKey
from gpu_worker.family import LoadedModel
from gpu_worker.render.pipeline import Renderer
from tests.unit.gpu_worker.oracle import PROMPT, TOLERANCE, a_picture, draw, seeds, stock

pytestmark = pytest.mark.oracle
SDXL_SAMPLERS = FAMILY_SAMPLERS[ModelFamily.SDXL]


def stock_sdxl(loaded: LoadedModel, pipeline_class: Any, sampler: Sampler) -> Any:
    pipe = stock(loaded, pipeline_class, sampler, add_watermarker=False)
    pipe.register_to_config(
        force_zeros_for_empty_prompt=loaded.pipeline.config.force_zeros_for_empty_prompt
    )
    return pipe


@pytest.mark.parametrize("negative_prompt", ["", "blurry"])
@pytest.mark.parametrize("sampler", SDXL_SAMPLERS)
def test_two_pictures_equal_the_stock_pipelines(
    renderer: Renderer,
    loaded_sdxl: LoadedModel,
    latents: list[torch.Tensor],
    sampler: Sampler,
    negative_prompt: str,
):
    drawing = draw(
        renderer,
        sampler=sampler,
        negative_prompt=negative_prompt,
        image_count=2,
        guidance=5.0,
        aspect_width=3,
        aspect_height=2,
    )
    width, height = drawing.pictures[0].size
    pipe = stock_sdxl(loaded_sdxl, diffusers.StableDiffusionXLPipeline, sampler)
    expected = pipe(
        prompt=[PROMPT] * 2,
        negative_prompt=[negative_prompt] * 2 if negative_prompt else None,
        generator=seeds(7, 2),
        num_inference_steps=4,
        guidance_scale=5.0,
        width=width,
        height=height,
        output_type="latent",
    ).images
    assert width > height
    assert (latents[0] - expected).abs().max() <= TOLERANCE


@pytest.mark.parametrize("sampler", SDXL_SAMPLERS)
def test_unguided_pictures_equal_the_stock_pipelines(
    renderer: Renderer, loaded_sdxl: LoadedModel, latents: list[torch.Tensor], sampler: Sampler
):
    draw(renderer, sampler=sampler, guidance=1.0)
    expected = stock_sdxl(loaded_sdxl, diffusers.StableDiffusionXLPipeline, sampler)(
        prompt=PROMPT,
        generator=seeds(7, 1),
        num_inference_steps=4,
        guidance_scale=1.0,
        output_type="latent",
    ).images
    assert (latents[0] - expected).abs().max() <= TOLERANCE


@pytest.mark.parametrize("sampler", SDXL_SAMPLERS)
def test_pictures_from_a_source_equal_the_stock_pipelines(
    renderer: Renderer, loaded_sdxl: LoadedModel, latents: list[torch.Tensor], sampler: Sampler
):
    source = SourceKey(key="images/source.png", strength=0.6)
    draw(renderer, a_picture(), sampler=sampler, source=source, steps=10, image_count=2)
    pipe = stock_sdxl(loaded_sdxl, diffusers.StableDiffusionXLImg2ImgPipeline, sampler)
    expected = pipe(
        prompt=[PROMPT] * 2,
        image=[a_picture()] * 2,
        strength=0.6,
        generator=seeds(7, 2),
        num_inference_steps=10,
        guidance_scale=3.0,
        output_type="latent",
    ).images
    assert (latents[0] - expected).abs().max() <= TOLERANCE


def test_decoded_pixels_equal_the_stock_pipelines(renderer: Renderer, loaded_sdxl: LoadedModel):
    drawing = draw(renderer, sampler=Sampler.DDIM)
    expected = stock_sdxl(loaded_sdxl, diffusers.StableDiffusionXLPipeline, Sampler.DDIM)(
        prompt=PROMPT, generator=seeds(7, 1), num_inference_steps=4, guidance_scale=3.0
    ).images[0]
    difference = np.asarray(drawing.pictures[0], np.int16) - np.asarray(expected, np.int16)
    assert np.abs(difference).max() <= 1
