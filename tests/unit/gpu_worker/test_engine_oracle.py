"""What the engine draws equals the stock pipelines: alone, among strangers, parked and resumed."""

from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from functools import partial
from typing import Any, Literal, NamedTuple

import diffusers
import pytest
import torch

from backend.contracts import FAMILY_SAMPLERS, MaskUse, ModelFamily, Sampler, SourceKey, Tier
from gpu_worker.engine.loop import Engine
from gpu_worker.families import open_family
from gpu_worker.families.flux import pack
from gpu_worker.family import LoadedModel
from gpu_worker.render.drawing import DrawOrder, OnStep
from gpu_worker.samplers import open_sampler
from tests.fakes.engines import ignore
from tests.unit.gpu_worker.conftest import a_render_job
from tests.unit.gpu_worker.oracle import (
    PROMPT,
    T5_TOKENS,
    TOLERANCE,
    SeenRenderer,
    a_mask,
    a_picture,
    meeting_edges,
    seeds,
    stock,
)

pytestmark = pytest.mark.oracle

Model = Literal["sdxl", "sd3", "flux", "flux_plain"]
# anew: inpainting at full strength; tile: edges that meet
Mode = Literal["text", "image", "inpaint", "anew", "tile"]
Company = Literal["alone", "strangers", "parked"]
COMPANIES: Sequence[Company] = ("alone", "strangers", "parked")
STRENGTH = 0.7
SEED = 7


class Case(NamedTuple):
    """What is drawn."""

    model: Model
    mode: Mode
    sampler: Sampler

    @property
    def family(self) -> ModelFamily:
        return ModelFamily(self.model.removesuffix("_plain"))

    @property
    def steps(self) -> int:
        return 3 if self.strength == 1 else 5

    @property
    def strength(self) -> float:
        return 1.0 if self.mode in ("text", "tile", "anew") else STRENGTH

    @property
    def has_source(self) -> bool:
        return self.mode not in ("text", "tile")


MODELS: Sequence[Model] = ("sdxl", "sd3", "flux", "flux_plain")
MODES: Sequence[Mode] = ("text", "image", "inpaint", "anew", "tile")
ALL = [
    Case(model, mode, sampler)
    for model in MODELS
    for mode in MODES
    for sampler in FAMILY_SAMPLERS[ModelFamily(model.removesuffix("_plain"))]
    if mode != "tile" or model == "sdxl"
]
# Flux's stock pipelines cannot shift Heun's schedule by size: it is held against itself, alone.
KNOWN = [case for case in ALL if (case.family, case.sampler) != ("flux", "flow_heun")]
OWN = [case for case in ALL if case not in KNOWN]
IDS = partial(map, "-".join)


@pytest.fixture(scope="module")
def models(
    loaded: Mapping[ModelFamily, LoadedModel], loaded_flux_plain: LoadedModel
) -> Mapping[str, LoadedModel]:
    return {**loaded, "flux_plain": loaded_flux_plain}


def open_seen(model: LoadedModel, family: ModelFamily) -> SeenRenderer:
    opened = open_family(family, model)
    return SeenRenderer(
        family=opened,
        open_sampler=partial(open_sampler, family=family, scheduler_config=opened.scheduler_config),
    )


def an_order(case: Case, tier: Tier) -> DrawOrder:
    fields: dict[str, Any] = {"negative_prompt": "blurry", "guidance": 3.0, "seed": SEED}
    fields["is_tiled"] = case.mode == "tile"
    if case.has_source:
        fields["source"] = SourceKey(key="images/source.png", strength=case.strength)
    is_masked = case.mode in ("inpaint", "anew")
    if is_masked:
        fields["mask"] = MaskUse(key="images/mask.png")
    job = a_render_job(
        family=case.family, sampler=case.sampler, steps=case.steps, tier=tier, **fields
    )
    return DrawOrder(
        job=job,
        source=a_picture() if case.has_source else None,
        mask=a_mask() if is_masked else None,
    )


def a_stranger(case: Case, tier: Tier, *, seed: int) -> DrawOrder:
    """Return an order that differs in everything that may differ in a shared look."""
    samplers = FAMILY_SAMPLERS[case.family]
    other = samplers[(samplers.index(case.sampler) + seed) % len(samplers)]
    job = a_render_job(
        family=case.family,
        sampler=other,
        steps=4,
        tier=tier,
        seed=seed,
        prompt="a whale at night",
        guidance=1.0 if seed % 2 else 6.0,
        image_count=2,
        is_tiled=case.mode == "tile",
    )
    return DrawOrder(job=job)


def draw_in(company: Company, case: Case, renderer: SeenRenderer) -> torch.Tensor:
    """Have a case drawn in company, and return its last latents."""
    engine = Engine(open_artist=lambda: renderer)
    ended = []

    def at(step: int, *orders: DrawOrder) -> OnStep:
        def submit(done: int, steps: int) -> None:
            if done == step and len(ended) == 1:
                ended.extend(engine.submit(order, ignore) for order in orders)

        return submit

    match company:
        case "alone":
            ended.append(engine.submit(an_order(case, Tier.FAST), ignore))
        case "strangers":
            later = [an_order(case, Tier.FAST), a_stranger(case, Tier.FAST, seed=102)]
            ended.append(engine.submit(a_stranger(case, Tier.FAST, seed=101), at(2, *later)))
        case "parked":
            turbo = a_stranger(case, Tier.TURBO, seed=101)
            ended.append(engine.submit(an_order(case, Tier.RELAX), at(1, turbo)))
    engine.start()
    ended[0].result()
    for one in ended:
        one.result()
    engine.close()
    check_company(company, renderer.looks)
    return renderer.latents[SEED]


def check_company(company: Company, looks: Sequence[Mapping[int, int]]) -> None:
    match company:
        case "alone":
            assert all(look.keys() == {SEED} for look in looks)
        case "strangers":
            # They shared a look at different steps.
            assert any(len(set(look.values())) > 1 and SEED in look for look in looks)
        case "parked":
            own = [index for index, look in enumerate(looks) if SEED in look]
            assert own[0] == 0
            assert all(look.keys() == {101} for look in looks[1 : own[1]])
            assert own[1] > 3


@pytest.fixture(scope="module")
def stock_latents(models: Mapping[str, LoadedModel]) -> Callable[[Case], torch.Tensor]:
    """Returns what the stock pipeline ends with, each case drawn once."""
    known: dict[Case, torch.Tensor] = {}

    def draw(case: Case) -> torch.Tensor:
        if case not in known:
            known[case] = draw_stock(models[case.model], case)
        return known[case]

    return draw


def draw_stock(model: LoadedModel, case: Case) -> torch.Tensor:
    classes = {
        ("sdxl", "text"): diffusers.StableDiffusionXLPipeline,
        ("sdxl", "image"): diffusers.StableDiffusionXLImg2ImgPipeline,
        ("sd3", "text"): diffusers.StableDiffusion3Pipeline,
        ("sd3", "image"): diffusers.StableDiffusion3Img2ImgPipeline,
        ("flux", "text"): diffusers.FluxPipeline,
        ("flux", "image"): diffusers.FluxImg2ImgPipeline,
        ("sdxl", "inpaint"): diffusers.StableDiffusionXLInpaintPipeline,
        ("sd3", "inpaint"): diffusers.StableDiffusion3InpaintPipeline,
        ("flux", "inpaint"): diffusers.FluxInpaintPipeline,
    }
    asked: dict[str, Any] = {"prompt": PROMPT, "generator": seeds(SEED, 1), "output_type": "latent"}
    asked |= {"num_inference_steps": case.steps}
    if case.has_source:
        asked |= {"image": a_picture(), "strength": case.strength}
    if case.mode in ("inpaint", "anew"):
        asked |= {"mask_image": a_mask()}
    match case.model:
        case "flux_plain":
            asked |= {"negative_prompt": "blurry", "true_cfg_scale": 3.0}
        case "flux":
            asked |= {"guidance_scale": 3.0}
        case "sdxl" | "sd3":
            asked |= {"negative_prompt": "blurry", "guidance_scale": 3.0}
    if case.model != "sdxl":
        asked |= {"max_sequence_length": T5_TOKENS}
    if case.family is ModelFamily.FLUX:
        asked |= {"width": 64, "height": 64}
    options = {"add_watermarker": False} if case.model == "sdxl" else {}
    mode = {"anew": "inpaint", "tile": "text"}.get(case.mode, case.mode)
    pipe = stock(model, classes[case.family.value, mode], case.sampler, **options)
    with meeting_edges(pipe) if case.mode == "tile" else nullcontext():
        return pipe(**asked).images


@pytest.mark.parametrize("company", COMPANIES)
@pytest.mark.parametrize("case", KNOWN, ids=IDS(KNOWN))
def test_what_is_drawn_equals_the_stock_pipeline_whoever_is_drawn_beside_it(
    models: Mapping[str, LoadedModel],
    stock_latents: Callable[[Case], torch.Tensor],
    case: Case,
    company: Company,
):
    latents = draw_in(company, case, open_seen(models[case.model], case.family))
    drawn = pack(latents) if case.family is ModelFamily.FLUX else latents
    assert (drawn - stock_latents(case)).abs().max() <= TOLERANCE


@pytest.mark.parametrize("company", COMPANIES[1:])
@pytest.mark.parametrize("case", OWN, ids=IDS(OWN))
def test_what_no_stock_pipeline_draws_equals_itself_alone(
    models: Mapping[str, LoadedModel], case: Case, company: Company
):
    alone = draw_in("alone", case, open_seen(models[case.model], case.family))
    latents = draw_in(company, case, open_seen(models[case.model], case.family))
    assert (latents - alone).abs().max() <= TOLERANCE
    # Parked in nothing but its own company, it takes the very same looks.
    assert company == "strangers" or torch.equal(latents, alone)
