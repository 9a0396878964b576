"""Checkpoints distilled to few steps: told their guidance, or guided by nothing."""

import json
import shutil
from pathlib import Path

import diffusers
import pytest
import torch

from backend.contracts import ModelFamily, RenderNote, Sampler
from gpu_worker.compose.composer import load_model
from gpu_worker.families import open_family
from gpu_worker.family import LoadedModel
from gpu_worker.render.drawing import DrawOrder
from tests.fakes.engines import draw_alone, ignore, running
from tests.unit.gpu_worker.conftest import a_render_job, open_renderer
from tests.unit.gpu_worker.oracle import PROMPT, TOLERANCE, seeds, stock

pytestmark = pytest.mark.oracle
SAMPLERS = (Sampler.LCM, Sampler.EULER, Sampler.DPMPP_2M)


@pytest.fixture(scope="module")
def distilled(tiny_sdxl: Path, tmp_path_factory: pytest.TempPathFactory) -> LoadedModel:
    """A model whose network is told its guidance, as LCM's are."""
    folder = tmp_path_factory.mktemp("models") / "lcm"
    shutil.copytree(tiny_sdxl, folder)
    config = json.loads((folder / "unet" / "config.json").read_text())
    unet = diffusers.UNet2DConditionModel.from_config({**config, "time_cond_proj_dim": 33})
    plain = diffusers.UNet2DConditionModel.from_pretrained(folder / "unet")
    unet.load_state_dict(plain.state_dict(), strict=False)
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(1)
        torch.nn.init.normal_(unet.time_embedding.cond_proj.weight)
    unet.save_pretrained(folder / "unet")
    return load_model(ModelFamily.SDXL, str(folder), device="cpu", dtype="float32")


@pytest.mark.parametrize("guidance", [1.0, 1.5, 8.0])
@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_network_told_its_guidance_equals_the_stock_pipeline(
    distilled: LoadedModel, latents: list[torch.Tensor], sampler: Sampler, guidance: float
):
    renderer = open_renderer(open_family(ModelFamily.SDXL, distilled))
    job = a_render_job(sampler=sampler, guidance=guidance, negative_prompt="blurry", image_count=2)
    drawing = draw_alone(renderer, DrawOrder(job=job))
    pipe = stock(distilled, diffusers.StableDiffusionXLPipeline, sampler, add_watermarker=False)
    expected = pipe(
        prompt=[PROMPT] * 2,
        generator=seeds(7, 2),
        num_inference_steps=4,
        guidance_scale=guidance,
        output_type="latent",
    ).images
    assert (latents[0] - expected).abs().max() <= TOLERANCE
    assert RenderNote.NEGATIVE_IGNORED in drawing.notes


def test_jobs_told_different_guidance_share_a_look(
    distilled: LoadedModel, latents: list[torch.Tensor]
):
    renderer = open_renderer(open_family(ModelFamily.SDXL, distilled))
    orders = [DrawOrder(job=a_render_job(guidance=scale)) for scale in (1.5, 8.0)]
    for order in orders:
        draw_alone(renderer, order)
    with running(renderer) as engine:
        for ended in [engine.submit(order, ignore) for order in orders]:
            ended.result()
    assert (latents[0] - latents[1]).abs().max() > 100 * TOLERANCE
    for alone, beside in zip(latents[:2], latents[2:], strict=True):
        assert (alone - beside).abs().max() <= TOLERANCE


@pytest.mark.parametrize("sampler", [Sampler.EULER_A, Sampler.LCM])
def test_a_turbo_checkpoint_without_guidance_is_looked_at_once(
    loaded_sdxl: LoadedModel, latents: list[torch.Tensor], sampler: Sampler
):
    renderer = open_renderer(open_family(ModelFamily.SDXL, loaded_sdxl))
    order = DrawOrder(job=a_render_job(sampler=sampler, guidance=0.0, steps=1))
    assert renderer.begin(order).rows == 1
    draw_alone(renderer, order)
    pipe = stock(loaded_sdxl, diffusers.StableDiffusionXLPipeline, sampler, add_watermarker=False)
    expected = pipe(
        prompt=PROMPT,
        generator=seeds(7, 1),
        num_inference_steps=1,
        guidance_scale=0.0,
        output_type="latent",
    ).images
    assert (latents[0] - expected).abs().max() <= TOLERANCE
