"""What is drawn in LoRAs equals the stock pipeline with the same ones, whoever else is drawn."""

import copy
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Literal

import diffusers
import pytest
import torch

from backend.contracts import LoraUse, ModelFamily, Tier
from gpu_worker.compose.wardrobe import Wardrobe
from gpu_worker.engine.loop import Engine
from gpu_worker.families import open_family
from gpu_worker.families.flux import pack
from gpu_worker.family import LoadedModel
from gpu_worker.render.drawing import DrawOrder, OnStep
from gpu_worker.render.pipeline import Renderer
from gpu_worker.samplers import open_sampler
from tests.fakes.engines import ignore
from tests.unit.gpu_worker.compose.loras import style_lora
from tests.unit.gpu_worker.conftest import a_render_job
from tests.unit.gpu_worker.oracle import PROMPT, T5_TOKENS, TOLERANCE, SeenRenderer, seeds, stock

pytestmark = [
    pytest.mark.oracle,
    # peft wonders at a second adapter, which is what set_adapters is for.
    pytest.mark.filterwarnings("ignore:Already found a `peft_config` attribute"),
]

Company = Literal["alone", "strangers", "parked"]
SEED, STRANGER, STEPS = 7, 101, 3
OUTFITS: Mapping[str, Mapping[str, float]] = {
    "one": {"one": 1.0},
    "half": {"one": 0.5},
    "away": {"one": -0.7},
    "two": {"one": 0.8, "two": 0.4},
    "in-words": {"in-words": 1.0},
    "all": {"one": 0.5, "two": -0.3, "in-words": 0.6},
}


@pytest.fixture(scope="module")
def folder(loaded_sdxl: LoadedModel, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("loras")
    style_lora(folder / "one.safetensors", loaded_sdxl, rank=2, seed=1)
    style_lora(folder / "two.safetensors", loaded_sdxl, rank=5, seed=2)
    style_lora(folder / "in-words.safetensors", loaded_sdxl, seed=3, part="text_encoder")
    return folder


@pytest.fixture(scope="module")
def stock_latents(loaded_sdxl: LoadedModel, folder: Path) -> Callable[[str], torch.Tensor]:
    """Returns what the stock pipeline ends with in an outfit, each drawn once."""
    model = replace(loaded_sdxl, pipeline=copy.deepcopy(loaded_sdxl.pipeline))
    pipe = stock(
        model, diffusers.StableDiffusionXLPipeline, model.defaults.sampler, add_watermarker=False
    )
    for path in sorted(folder.glob("*.safetensors")):
        pipe.load_lora_weights(folder, weight_name=path.name, adapter_name=path.stem)

    def draw(outfit: str) -> torch.Tensor:
        wanted = OUTFITS[outfit]
        pipe.set_adapters(list(wanted), list(wanted.values()))
        return pipe(
            prompt=PROMPT,
            negative_prompt="blurry",
            guidance_scale=3.0,
            generator=seeds(SEED, 1),
            num_inference_steps=STEPS,
            output_type="latent",
        ).images

    return draw


@pytest.fixture
def renderer(loaded_sdxl: LoadedModel, folder: Path) -> SeenRenderer:
    model = replace(loaded_sdxl, pipeline=copy.deepcopy(loaded_sdxl.pipeline))
    family = open_family(ModelFamily.SDXL, model)
    return SeenRenderer(
        family=family,
        open_sampler=partial(
            open_sampler, family=family.name, scheduler_config=family.scheduler_config
        ),
        dresser=Wardrobe(model=model, family=ModelFamily.SDXL, folder=folder, cached_bytes=2**20),
    )


def an_order(outfit: Mapping[str, float], tier: Tier, *, seed: int, steps: int) -> DrawOrder:
    loras = [LoraUse(name=name, scale=scale) for name, scale in outfit.items()]
    job = a_render_job(
        negative_prompt="blurry", guidance=3.0, seed=seed, steps=steps, tier=tier, loras=loras
    )
    return DrawOrder(job=job)


def draw_in(company: Company, outfit: str, renderer: SeenRenderer) -> torch.Tensor:
    """Have an outfit's job drawn beside one in other LoRAs, and return its last latents."""
    engine = Engine(open_artist=lambda: renderer)
    ended = []
    other = {"two": 1.0, "in-words": 0.3}

    def at(step: int, order: DrawOrder) -> OnStep:
        def submit(done: int, steps: int) -> None:
            if done == step and len(ended) == 1:
                ended.append(engine.submit(order, ignore))

        return submit

    match company:
        case "alone":
            own = an_order(OUTFITS[outfit], Tier.FAST, seed=SEED, steps=STEPS)
            ended.append(engine.submit(own, ignore))
        case "strangers":
            own = an_order(OUTFITS[outfit], Tier.RELAX, seed=SEED, steps=STEPS)
            stranger = an_order(other, Tier.FAST, seed=STRANGER, steps=60)
            ended.append(engine.submit(stranger, at(2, own)))
        case "parked":
            own = an_order(OUTFITS[outfit], Tier.RELAX, seed=SEED, steps=STEPS)
            turbo = an_order(other, Tier.TURBO, seed=STRANGER, steps=2)
            ended.append(engine.submit(own, at(1, turbo)))
    engine.start()
    ended[0].result()
    for one in ended:
        one.result()
    engine.close()
    looks = [seed for (seed,) in renderer.looks]
    own_looks = [place for place, seed in enumerate(looks) if seed == SEED]
    assert len(own_looks) == STEPS
    if company != "alone":
        # Clothes were changed between its own steps, or right before.
        assert STRANGER in looks[: own_looks[-1]]
    return renderer.latents[SEED]


@pytest.mark.parametrize("company", ["alone", "strangers", "parked"])
@pytest.mark.parametrize("outfit", OUTFITS)
def test_what_is_drawn_in_loras_equals_the_stock_pipeline(
    stock_latents: Callable[[str], torch.Tensor],
    renderer: SeenRenderer,
    outfit: str,
    company: Company,
):
    latents = draw_in(company, outfit, renderer)
    assert (latents - stock_latents(outfit)).abs().max() <= TOLERANCE


def test_a_scale_of_nothing_draws_to_the_bit_what_no_lora_does(renderer: SeenRenderer):
    drawn = []
    for outfit in ({}, {"one": 0.0}, {"one": 1.0}, {"one": 0.0, "in-words": 0.0}, {}):
        engine = Engine(open_artist=lambda: renderer)
        ended = engine.submit(an_order(outfit, Tier.FAST, seed=SEED, steps=STEPS), ignore)
        engine.start()
        ended.result()
        engine.close()
        drawn.append(renderer.latents[SEED])
    bare, nothing, one, nothing_again, bare_again = drawn
    assert not torch.equal(one, bare)
    assert all(torch.equal(other, bare) for other in (nothing, nothing_again, bare_again))


@pytest.mark.parametrize("family", [ModelFamily.SD3, ModelFamily.FLUX])
def test_transformers_in_a_lora_equal_the_stock_pipelines(
    loaded: Mapping[ModelFamily, LoadedModel],
    latents: list[torch.Tensor],
    tmp_path: Path,
    family: ModelFamily,
):
    model = replace(loaded[family], pipeline=copy.deepcopy(loaded[family].pipeline))
    style_lora(tmp_path / "one.safetensors", model, rank=2, seed=1, part="transformer")
    opened = open_family(family, model)
    renderer = Renderer(
        family=opened,
        open_sampler=partial(open_sampler, family=family, scheduler_config=opened.scheduler_config),
        dresser=Wardrobe(model=model, family=family, folder=tmp_path, cached_bytes=2**20),
    )
    job = a_render_job(
        family=family, steps=STEPS, seed=SEED, guidance=3.0, loras=[LoraUse(name="one", scale=0.6)]
    )
    engine = Engine(open_artist=lambda: renderer)
    ended = engine.submit(DrawOrder(job=job), ignore)
    engine.start()
    ended.result()
    engine.close()
    model = replace(loaded[family], pipeline=copy.deepcopy(loaded[family].pipeline))
    kind = (
        diffusers.FluxPipeline if family is ModelFamily.FLUX else diffusers.StableDiffusion3Pipeline
    )
    pipe = stock(model, kind, model.defaults.sampler)
    pipe.load_lora_weights(tmp_path, weight_name="one.safetensors", adapter_name="one")
    pipe.set_adapters("one", 0.6)
    sides = {"width": 64, "height": 64} if family is ModelFamily.FLUX else {}
    expected = pipe(
        prompt=PROMPT,
        guidance_scale=3.0,
        generator=seeds(SEED, 1),
        num_inference_steps=STEPS,
        max_sequence_length=T5_TOKENS,
        output_type="latent",
        **sides,
    ).images
    drawn = pack(latents[0]) if family is ModelFamily.FLUX else latents[0]
    assert (drawn - expected).abs().max() <= TOLERANCE
