"""Pictures beside words: as the stock pipeline's IP adapter, and nothing left behind by them."""

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import diffusers
import pytest
import torch
from PIL import Image

from backend.contracts import ImagePromptUse, ModelFamily, Sampler
from gpu_worker.compose.composer import load_model
from gpu_worker.families import open_family
from gpu_worker.family import LoadedModel
from gpu_worker.render.drawing import DrawOrder
from gpu_worker.render.pipeline import Renderer
from gpu_worker.state import ImagePromptsNotSupported, ModelBroken
from tests.fakes.engines import draw_alone, ignore, running
from tests.fakes.image_prompts import add_image_prompts
from tests.unit.gpu_worker.conftest import a_render_job, open_renderer
from tests.unit.gpu_worker.oracle import PROMPT, TOLERANCE, a_mask, a_picture, seeds

SAMPLERS = (Sampler.EULER, Sampler.EULER_A, Sampler.DPMPP_2M)
STOCK = {
    Sampler.EULER: diffusers.EulerDiscreteScheduler,
    Sampler.EULER_A: diffusers.EulerAncestralDiscreteScheduler,
    Sampler.DPMPP_2M: diffusers.DPMSolverMultistepScheduler,
}
TWO = [a_picture(), a_mask().convert("RGB")]


@pytest.fixture(scope="module")
def folder(tiny_sdxl: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return add_image_prompts(tiny_sdxl, tmp_path_factory.mktemp("models") / "with-adapter")


@pytest.fixture(scope="module")
def seeing(folder: Path) -> LoadedModel:
    return load_model(ModelFamily.SDXL, str(folder), device="cpu", dtype="float32")


@pytest.fixture
def renderer(seeing: LoadedModel) -> Renderer:
    return open_renderer(open_family(ModelFamily.SDXL, seeing))


@pytest.fixture(scope="module")
def stock(folder: Path) -> Any:
    return open_stock(folder)


def open_stock(folder: Path) -> Any:
    pipe = diffusers.StableDiffusionXLPipeline.from_pretrained(folder, add_watermarker=False)
    pipe.load_ip_adapter(
        str(folder),
        subfolder="ip_adapter",
        weight_name="ip-adapter_sdxl.safetensors",
        image_encoder_folder="image_encoder",
    )
    pipe.set_progress_bar_config(disable=True)
    return pipe


def an_order(pictures: list[Image.Image], scales: list[float], **fields: Any) -> DrawOrder:
    prompts = [ImagePromptUse(key=f"images/{scale}.png", scale=scale) for scale in scales]
    fields = {"guidance": 3.0, "negative_prompt": "blurry", **fields}
    return DrawOrder(
        job=a_render_job(image_prompts=tuple(prompts), **fields), image_prompts=tuple(pictures)
    )


def draw_stock(stock: Any, sampler: Sampler, images: Any, scale: Any, **asked: Any) -> Any:
    stock.scheduler = STOCK[sampler].from_config(stock.scheduler.config)
    stock.set_ip_adapter_scale(scale)
    return stock(
        prompt=PROMPT,
        negative_prompt="blurry",
        ip_adapter_image=images,
        generator=seeds(7, 1),
        num_inference_steps=4,
        output_type="latent",
        **{"guidance_scale": 3.0, **asked},
    ).images


@pytest.mark.oracle
@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("scale", [1.0, 0.35])
@pytest.mark.parametrize("count", [1, 2])
def test_image_prompts_equal_the_stock_pipeline(
    renderer: Renderer,
    stock: Any,
    latents: list[torch.Tensor],
    sampler: Sampler,
    scale: float,
    count: int,
):
    pictures = TWO[:count]
    draw_alone(renderer, an_order(pictures, [scale] * count, sampler=sampler))
    expected = draw_stock(stock, sampler, [pictures], scale)
    assert (latents[0] - expected).abs().max() <= TOLERANCE


@pytest.mark.oracle
def test_a_style_equals_the_stock_pipeline_looking_in_one_block_only(
    tiny_sdxl: Path, tmp_path: Path, latents: list[torch.Tensor]
):
    # As many layers in a block as the published networks have.
    deep = tmp_path / "deep"
    shutil.copytree(tiny_sdxl, deep)
    config = diffusers.UNet2DConditionModel.load_config(deep / "unet")
    torch.manual_seed(1)
    unet = diffusers.UNet2DConditionModel.from_config({**config, "layers_per_block": 2})
    unet.save_pretrained(deep / "unet")
    folder = add_image_prompts(deep, tmp_path / "seeing")
    stock = open_stock(folder)
    seeing = load_model(ModelFamily.SDXL, str(folder), device="cpu", dtype="float32")
    renderer = open_renderer(open_family(ModelFamily.SDXL, seeing))
    use = ImagePromptUse(key="images/style.png", scale=0.9, is_style=True)
    job = a_render_job(
        image_prompts=(use,), sampler=Sampler.EULER, guidance=3.0, negative_prompt="blurry"
    )
    draw_alone(renderer, DrawOrder(job=job, image_prompts=tuple(TWO[:1])))
    block = stock.unet.up_blocks[0].attentions
    assert len(block) == 3
    shares = [0.9 if index == 1 else 0.0 for index in range(len(block))]
    expected = draw_stock(stock, Sampler.EULER, TWO[0], {"up": {"block_0": shares}})
    assert (latents[0] - expected).abs().max() <= TOLERANCE
    draw_alone(renderer, an_order(TWO[:1], [0.9], sampler=Sampler.EULER))
    assert (latents[1] - expected).abs().max() > 100 * TOLERANCE


def test_a_look_and_a_style_beside_each_other_are_both_taken_up(
    renderer: Renderer, latents: list[torch.Tensor]
):
    for looks in ((1.0, 0.0), (0.0, 1.0), (1.0, 1.0)):
        uses = tuple(
            ImagePromptUse(key=f"images/{index}.png", scale=scale, is_style=index == 1)
            for index, scale in enumerate(looks)
        )
        job = a_render_job(image_prompts=uses, sampler=Sampler.EULER, guidance=3.0)
        draw_alone(renderer, DrawOrder(job=job, image_prompts=tuple(TWO)))
    look, style, both = latents
    assert (both - look).abs().max() > 100 * TOLERANCE
    assert (both - style).abs().max() > 100 * TOLERANCE


@pytest.mark.oracle
def test_an_unguided_look_is_told_of_pictures_only(
    renderer: Renderer, stock: Any, latents: list[torch.Tensor]
):
    draw_alone(renderer, an_order(TWO[:1], [0.8], sampler=Sampler.EULER, guidance=1.0))
    expected = draw_stock(stock, Sampler.EULER, TWO[0], 0.8, guidance_scale=1.0)
    assert (latents[0] - expected).abs().max() <= TOLERANCE


def test_pictures_that_count_differently_are_each_looked_at(
    renderer: Renderer, latents: list[torch.Tensor]
):
    for scales in ([1.0, 0.0], [0.0, 1.0], [1.0, 0.5]):
        draw_alone(renderer, an_order(TWO, scales, sampler=Sampler.EULER))
    draw_alone(renderer, an_order(TWO[:1], [1.0], sampler=Sampler.EULER))
    first, second, both, alone = latents
    # What counts for nothing changes nothing.
    assert (first - alone).abs().max() <= TOLERANCE
    assert (second - first).abs().max() > 100 * TOLERANCE
    assert (both - first).abs().max() > 100 * TOLERANCE


def test_a_job_without_pictures_is_drawn_as_by_a_model_without_the_adapter(
    renderer: Renderer, loaded_sdxl: LoadedModel, latents: list[torch.Tensor]
):
    plain = open_renderer(open_family(ModelFamily.SDXL, loaded_sdxl))
    with running(renderer) as engine:
        jobs = [an_order(TWO[:1], [1.0]), DrawOrder(job=a_render_job(guidance=3.0))]
        for ended in [engine.submit(job, ignore) for job in jobs]:
            ended.result()
    draw_alone(plain, DrawOrder(job=a_render_job(guidance=3.0)))
    beside, alone = latents[1], latents[2]
    assert (beside - alone).abs().max() <= TOLERANCE
    assert (latents[0] - alone).abs().max() > 100 * TOLERANCE


@pytest.mark.oracle
def test_pictures_of_jobs_that_share_a_look_stay_their_own(
    renderer: Renderer, stock: Any, latents: list[torch.Tensor]
):
    orders = [
        an_order(TWO[:1], [0.8], sampler=Sampler.EULER),
        an_order(TWO[1:], [0.3], sampler=Sampler.EULER),
    ]
    with running(renderer) as engine:
        for ended in [engine.submit(order, ignore) for order in orders]:
            ended.result()
    for drawn, picture, scale in zip(latents, TWO, (0.8, 0.3), strict=True):
        expected = draw_stock(stock, Sampler.EULER, picture, scale)
        assert (drawn - expected).abs().max() <= TOLERANCE


def test_a_model_without_an_adapter_refuses_pictures(
    loaded: Mapping[ModelFamily, LoadedModel],
):
    for family, model in loaded.items():
        renderer = open_renderer(open_family(family, model))
        with pytest.raises(ImagePromptsNotSupported):
            draw_alone(renderer, an_order(TWO[:1], [1.0], family=family))


def test_an_adapter_of_pickles_is_refused(folder: Path, tmp_path: Path):
    broken = add_image_prompts(folder.parent / "with-adapter", tmp_path / "model", seed=4)
    weights = next((broken / "ip_adapter").glob("*.safetensors"))
    weights.rename(weights.with_suffix(".bin"))
    with pytest.raises(ModelBroken, match="holds only pickles"):
        load_model(ModelFamily.SDXL, str(broken), device="cpu", dtype="float32")
