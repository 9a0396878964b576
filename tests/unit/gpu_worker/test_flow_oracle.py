"""Our loop against the stock SD3 and Flux pipelines, with the same seeds."""

from pathlib import Path

import diffusers
import numpy as np
import pytest
import torch

from backend.contracts import ModelFamily, Sampler, SourceKey
from gpu_worker.compose.composer import load_model
from gpu_worker.families import open_family
from gpu_worker.families.flux import pack, unpack
from gpu_worker.family import LoadedModel
from tests.unit.gpu_worker.conftest import open_renderer
from tests.unit.gpu_worker.oracle import PROMPT, T5_TOKENS, TOLERANCE, a_picture, draw, seeds, stock

SD3_SAMPLERS = [Sampler.FLOW_EULER, Sampler.FLOW_HEUN]

pytestmark = pytest.mark.oracle


@pytest.mark.parametrize("negative_prompt", ["", "blurry"])
@pytest.mark.parametrize("sampler", SD3_SAMPLERS)
def test_two_sd3_pictures_equal_the_stock_pipelines(
    loaded_sd3: LoadedModel,
    latents: list[torch.Tensor],
    sampler: Sampler,
    negative_prompt: str,
):
    drawing = draw(
        open_renderer(open_family(ModelFamily.SD3, loaded_sd3)),
        sampler=sampler,
        negative_prompt=negative_prompt,
        image_count=2,
        guidance=5.0,
        aspect_width=3,
        aspect_height=2,
    )
    width, height = drawing.pictures[0].size
    expected = stock(loaded_sd3, diffusers.StableDiffusion3Pipeline, sampler)(
        prompt=[PROMPT] * 2,
        negative_prompt=[negative_prompt] * 2,
        generator=seeds(7, 2),
        num_inference_steps=4,
        guidance_scale=5.0,
        width=width,
        height=height,
        max_sequence_length=T5_TOKENS,
        output_type="latent",
    ).images
    assert width > height
    assert (latents[0] - expected).abs().max() <= TOLERANCE


@pytest.mark.parametrize("sampler", SD3_SAMPLERS)
def test_unguided_sd3_pictures_equal_the_stock_pipelines(
    loaded_sd3: LoadedModel, latents: list[torch.Tensor], sampler: Sampler
):
    draw(
        open_renderer(open_family(ModelFamily.SD3, loaded_sd3)),
        sampler=sampler,
        guidance=1.0,
    )
    expected = stock(loaded_sd3, diffusers.StableDiffusion3Pipeline, sampler)(
        prompt=PROMPT,
        generator=seeds(7, 1),
        num_inference_steps=4,
        guidance_scale=1.0,
        max_sequence_length=T5_TOKENS,
        output_type="latent",
    ).images
    assert (latents[0] - expected).abs().max() <= TOLERANCE


@pytest.mark.parametrize("sampler", SD3_SAMPLERS)
def test_sd3_pictures_from_a_source_equal_the_stock_pipelines(
    loaded_sd3: LoadedModel, latents: list[torch.Tensor], sampler: Sampler
):
    draw(
        open_renderer(open_family(ModelFamily.SD3, loaded_sd3)),
        a_picture(),
        sampler=sampler,
        source=SourceKey(key="images/source.png", strength=0.65),
        steps=10,
        image_count=2,
    )
    expected = stock(loaded_sd3, diffusers.StableDiffusion3Img2ImgPipeline, sampler)(
        prompt=[PROMPT] * 2,
        image=[a_picture()] * 2,
        strength=0.65,
        generator=seeds(7, 2),
        num_inference_steps=10,
        guidance_scale=3.0,
        max_sequence_length=T5_TOKENS,
        output_type="latent",
    ).images
    assert (latents[0] - expected).abs().max() <= TOLERANCE


def test_sd3_shifted_by_size_equals_the_stock_pipeline(
    loaded_sd3: LoadedModel, latents: list[torch.Tensor], monkeypatch: pytest.MonkeyPatch
):
    dynamic = diffusers.FlowMatchEulerDiscreteScheduler(use_dynamic_shifting=True)
    monkeypatch.setattr(loaded_sd3.pipeline, "scheduler", dynamic)
    renderer = open_renderer(open_family(ModelFamily.SD3, loaded_sd3))
    draw(renderer, aspect_width=2, guidance=1.0)
    expected = stock(loaded_sd3, diffusers.StableDiffusion3Pipeline, Sampler.FLOW_EULER)(
        prompt=PROMPT,
        generator=seeds(7, 1),
        num_inference_steps=4,
        guidance_scale=1.0,
        width=latents[0].shape[3] * 8,
        height=latents[0].shape[2] * 8,
        max_sequence_length=T5_TOKENS,
        output_type="latent",
    ).images
    assert (latents[0] - expected).abs().max() <= TOLERANCE


def test_sd3_without_its_t5_equals_the_stock_pipeline(
    loaded_sd3: LoadedModel, latents: list[torch.Tensor], tmp_path: Path
):
    parts = loaded_sd3.pipeline.components | {"text_encoder_3": None, "tokenizer_3": None}
    diffusers.StableDiffusion3Pipeline(**parts).save_pretrained(tmp_path / "model")
    loaded = load_model(ModelFamily.SD3, str(tmp_path / "model"), device="cpu", dtype="float32")
    draw(open_renderer(open_family(ModelFamily.SD3, loaded)), guidance=5.0)
    expected = stock(loaded, diffusers.StableDiffusion3Pipeline, Sampler.FLOW_EULER)(
        prompt=PROMPT,
        generator=seeds(7, 1),
        num_inference_steps=4,
        guidance_scale=5.0,
        output_type="latent",
    ).images
    assert (latents[0] - expected).abs().max() <= TOLERANCE


def test_two_pictures_of_a_distilled_flux_equal_the_stock_pipelines(
    loaded_flux: LoadedModel, latents: list[torch.Tensor]
):
    # Told its guidance, it looks at no negative prompt.
    drawing = draw(
        open_renderer(open_family(ModelFamily.FLUX, loaded_flux)),
        negative_prompt="blurry",
        image_count=2,
        guidance=3.5,
        aspect_width=3,
        aspect_height=2,
        prompt="fox " * 100,
    )
    width, height = drawing.pictures[0].size
    expected = stock(loaded_flux, diffusers.FluxPipeline, Sampler.FLOW_EULER)(
        prompt=["fox " * 100] * 2,
        generator=seeds(7, 2),
        num_inference_steps=4,
        guidance_scale=3.5,
        width=width,
        height=height,
        max_sequence_length=T5_TOKENS,
        output_type="latent",
    ).images
    assert width > height
    assert (pack(latents[0]) - expected).abs().max() <= TOLERANCE


@pytest.mark.parametrize("guidance", [1.0, 4.0])
def test_pictures_of_a_plain_flux_equal_the_stock_pipelines(
    loaded_flux_plain: LoadedModel, latents: list[torch.Tensor], guidance: float
):
    draw(
        open_renderer(open_family(ModelFamily.FLUX, loaded_flux_plain)),
        negative_prompt="blurry",
        guidance=guidance,
    )
    expected = stock(loaded_flux_plain, diffusers.FluxPipeline, Sampler.FLOW_EULER)(
        prompt=PROMPT,
        negative_prompt="blurry",
        true_cfg_scale=guidance,
        generator=seeds(7, 1),
        num_inference_steps=4,
        width=64,
        height=64,
        max_sequence_length=T5_TOKENS,
        output_type="latent",
    ).images
    assert (pack(latents[0]) - expected).abs().max() <= TOLERANCE


def test_flux_pictures_from_a_source_equal_the_stock_pipelines(
    loaded_flux: LoadedModel, latents: list[torch.Tensor]
):
    draw(
        open_renderer(open_family(ModelFamily.FLUX, loaded_flux)),
        a_picture(),
        source=SourceKey(key="images/source.png", strength=0.65),
        steps=10,
        image_count=2,
    )
    expected = stock(loaded_flux, diffusers.FluxImg2ImgPipeline, Sampler.FLOW_EULER)(
        prompt=[PROMPT] * 2,
        image=[a_picture()] * 2,
        strength=0.65,
        generator=seeds(7, 2),
        num_inference_steps=10,
        guidance_scale=3.0,
        width=64,
        height=64,
        max_sequence_length=T5_TOKENS,
        output_type="latent",
    ).images
    assert (pack(latents[0]) - expected).abs().max() <= TOLERANCE


def test_heun_over_flux_comes_nearer_to_many_steps_than_euler_with_as_many_looks(
    loaded_flux: LoadedModel, latents: list[torch.Tensor]
):
    # The stock Flux pipeline has no Heun to compare with: its schedule takes no shift by size.
    renderer = open_renderer(open_family(ModelFamily.FLUX, loaded_flux))
    draw(renderer, sampler=Sampler.FLOW_EULER, steps=300)
    draw(renderer, sampler=Sampler.FLOW_EULER, steps=15)
    draw(renderer, sampler=Sampler.FLOW_HEUN, steps=8)
    exact, euler, heun = latents
    assert (heun - exact).abs().mean() < (euler - exact).abs().mean()


@pytest.mark.parametrize("family", [ModelFamily.SD3, ModelFamily.FLUX])
def test_decoded_pixels_equal_the_stock_pipelines(
    family: ModelFamily, loaded_sd3: LoadedModel, loaded_flux: LoadedModel
):
    loaded, pipeline_class = {
        ModelFamily.SD3: (loaded_sd3, diffusers.StableDiffusion3Pipeline),
        ModelFamily.FLUX: (loaded_flux, diffusers.FluxPipeline),
    }[family]
    drawing = draw(open_renderer(open_family(family, loaded)))
    expected = stock(loaded, pipeline_class, Sampler.FLOW_EULER)(
        prompt=PROMPT,
        negative_prompt="" if family is ModelFamily.SD3 else None,
        generator=seeds(7, 1),
        num_inference_steps=4,
        guidance_scale=3.0,
        width=64,
        height=64,
        max_sequence_length=T5_TOKENS,
    ).images[0]
    difference = np.asarray(drawing.pictures[0], np.int16) - np.asarray(expected, np.int16)
    assert np.abs(difference).max() <= 1


def test_packing_and_unpacking_latents_is_the_stock_pipelines():
    latents = torch.arange(2 * 16 * 4 * 6.0).view(2, 16, 4, 6)
    packed = pack(latents)
    assert torch.equal(packed, diffusers.FluxPipeline._pack_latents(latents, 2, 16, 4, 6))
    assert torch.equal(unpack(packed, height=4, width=6), latents)
