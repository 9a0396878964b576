"""What ControlNets steer equals the stock pipelines: alone, among strangers, parked and resumed."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal, NamedTuple

import diffusers
import pytest
import torch
from diffusers.models.autoencoders.vae import DiagonalGaussianDistribution

from backend.contracts import ControlUse, ModelFamily, SourceKey, Tier
from gpu_worker.engine.loop import Engine
from gpu_worker.families import open_family
from gpu_worker.families.flux import pack
from gpu_worker.family import LoadedModel
from gpu_worker.render.drawing import DrawOrder, OnStep
from gpu_worker.samplers import open_sampler
from tests.fakes.engines import ignore
from tests.unit.gpu_worker.conftest import a_render_job
from tests.unit.gpu_worker.controlnets import a_hint, open_shelf, write_controlnet
from tests.unit.gpu_worker.oracle import (
    PROMPT,
    T5_TOKENS,
    TOLERANCE,
    SeenRenderer,
    a_picture,
    seeds,
    stock,
)

pytestmark = [
    pytest.mark.oracle,
    # diffusers' own ControlNet for Flux imports from where it says not to.
    pytest.mark.filterwarnings("ignore:`FluxPosEmbed` is deprecated:FutureWarning"),
]

Company = Literal["alone", "strangers", "parked"]
COMPANIES: Sequence[Company] = ("alone", "strangers", "parked")
STEPS, STRENGTH, SEED, STRANGER = 5, 0.7, 7, 101
USES = (
    ControlUse(name="one", key="uploads/one.png", scale=0.8, begin=0.0, end=0.7),
    ControlUse(name="two", key="uploads/two.png", scale=0.5, begin=0.3, end=1.0),
)


class Case(NamedTuple):
    """What is drawn, by how many ControlNets it is steered, and what it starts from."""

    family: ModelFamily
    controls: int
    mode: Literal["text", "image"] = "text"


CASES = [
    *(Case(family, controls) for family in ModelFamily for controls in (1, 2)),
    Case(ModelFamily.SDXL, 1, "image"),
]


def told(case: Case) -> str:
    return f"{case.family}-{case.mode}-{case.controls}"


@pytest.fixture(scope="module")
def folders(
    loaded: Mapping[ModelFamily, LoadedModel], tmp_path_factory: pytest.TempPathFactory
) -> Mapping[ModelFamily, Path]:
    """Two ControlNets for each family."""
    folders = {family: tmp_path_factory.mktemp(family) for family in loaded}
    for family, model in loaded.items():
        for seed, use in enumerate(USES):
            write_controlnet(folders[family] / use.name, model, family, seed=seed)
    return folders


def open_seen(model: LoadedModel, case: Case, folder: Path) -> SeenRenderer:
    opened = open_family(case.family, model)
    return SeenRenderer(
        family=opened,
        open_sampler=partial(
            open_sampler, family=case.family, scheduler_config=opened.scheduler_config
        ),
        controlnets=open_shelf(folder, model, case.family),
    )


def an_order(case: Case, tier: Tier, **fields: Any) -> DrawOrder:
    if case.mode == "image":
        fields["source"] = SourceKey(key="images/source.png", strength=STRENGTH)
    job = a_render_job(
        family=case.family,
        steps=STEPS,
        tier=tier,
        seed=SEED,
        guidance=3.0,
        negative_prompt="blurry",
        controls=USES[: case.controls],
        **fields,
    )
    return DrawOrder(
        job=job,
        source=a_picture() if case.mode == "image" else None,
        controls=tuple(a_hint(number) for number in range(case.controls)),
    )


def a_stranger(case: Case, tier: Tier) -> DrawOrder:
    """Return an order steered by the same ControlNets: by other pictures, at other times."""
    controls = [
        use.model_copy(update={"scale": 1.3, "begin": 0.2, "end": 0.9})
        for use in USES[: case.controls]
    ]
    job = a_render_job(
        family=case.family,
        steps=7,
        tier=tier,
        seed=STRANGER,
        prompt="a whale at night",
        guidance=6.0,
        image_count=2,
        controls=controls,
    )
    return DrawOrder(job=job, controls=tuple(a_hint(3 + number) for number in range(case.controls)))


def draw_in(company: Company, case: Case, renderer: SeenRenderer) -> torch.Tensor:
    """Have a case drawn in company, and return its last latents."""
    engine = Engine(open_artist=lambda: renderer)
    ended = []

    def at(step: int, order: DrawOrder) -> OnStep:
        def submit(done: int, steps: int) -> None:
            if done == step and len(ended) == 1:
                ended.append(engine.submit(order, ignore))

        return submit

    match company:
        case "alone":
            ended.append(engine.submit(an_order(case, Tier.FAST), ignore))
        case "strangers":
            own = an_order(case, Tier.FAST)
            ended.append(engine.submit(a_stranger(case, Tier.FAST), at(2, own)))
        case "parked":
            turbo = a_stranger(case, Tier.TURBO)
            ended.append(engine.submit(an_order(case, Tier.RELAX), at(1, turbo)))
    engine.start()
    ended[0].result()
    for one in ended:
        one.result()
    engine.close()
    shared = [look for look in renderer.looks if len(look) > 1]
    assert bool(shared) == (company == "strangers")
    return renderer.latents[SEED]


@pytest.fixture(scope="module")
def stock_latents(
    loaded: Mapping[ModelFamily, LoadedModel], folders: Mapping[ModelFamily, Path]
) -> Callable[[Case], torch.Tensor]:
    """Returns what the stock pipeline ends with, each case drawn once."""
    known: dict[Case, torch.Tensor] = {}

    def draw(case: Case) -> torch.Tensor:
        if case not in known:
            with pytest.MonkeyPatch.context() as patch:
                if case.family is not ModelFamily.SDXL:
                    # The stock ones read a control picture with chance, SD3's without a seed.
                    patch.setattr(
                        DiagonalGaussianDistribution, "sample", lambda self, *_, **__: self.mode()
                    )
                known[case] = draw_stock(loaded[case.family], case, folders[case.family])
        return known[case]

    return draw


def draw_stock(model: LoadedModel, case: Case, folder: Path) -> torch.Tensor:
    classes = {
        (ModelFamily.SDXL, "text"): diffusers.StableDiffusionXLControlNetPipeline,
        (ModelFamily.SDXL, "image"): diffusers.StableDiffusionXLControlNetImg2ImgPipeline,
        (ModelFamily.SD3, "text"): diffusers.StableDiffusion3ControlNetPipeline,
        (ModelFamily.FLUX, "text"): diffusers.FluxControlNetPipeline,
    }
    shelf = open_shelf(folder, model, case.family)
    networks = []
    for use in USES[: case.controls]:
        with shelf.hold(use.name) as network:
            networks.append(network)
    hints = [a_hint(number) for number in range(case.controls)]
    is_many = case.controls > 1

    def one_or_all(values: Sequence[Any]) -> Any:
        return list(values) if is_many else values[0]

    uses = USES[: case.controls]
    asked: dict[str, Any] = {
        "prompt": PROMPT,
        "generator": seeds(SEED, 1),
        "output_type": "latent",
        "num_inference_steps": STEPS,
        "guidance_scale": 3.0,
        "controlnet_conditioning_scale": one_or_all([use.scale for use in uses]),
        "control_guidance_start": one_or_all([use.begin for use in uses]),
        "control_guidance_end": one_or_all([use.end for use in uses]),
    }
    if case.family is ModelFamily.SDXL and case.mode == "text":
        asked["image"] = one_or_all(hints)
    else:
        asked["control_image"] = one_or_all(hints)
    if case.mode == "image":
        asked |= {"image": a_picture(), "strength": STRENGTH}
    if case.family is ModelFamily.FLUX:
        asked |= {"width": 64, "height": 64, "max_sequence_length": T5_TOKENS}
    else:
        asked["negative_prompt"] = "blurry"
    if case.family is ModelFamily.SD3:
        asked["max_sequence_length"] = T5_TOKENS
    options = {"add_watermarker": False} if case.family is ModelFamily.SDXL else {}
    pipe = stock(
        model,
        classes[(case.family, case.mode)],
        model.defaults.sampler,
        controlnet=one_or_all(networks),
        **options,
    )
    return pipe(**asked).images


@pytest.mark.parametrize("company", COMPANIES)
@pytest.mark.parametrize("case", CASES, ids=told)
def test_what_is_steered_equals_the_stock_pipeline_whoever_is_drawn_beside_it(
    loaded: Mapping[ModelFamily, LoadedModel],
    folders: Mapping[ModelFamily, Path],
    stock_latents: Callable[[Case], torch.Tensor],
    case: Case,
    company: Company,
):
    renderer = open_seen(loaded[case.family], case, folders[case.family])
    latents = draw_in(company, case, renderer)
    drawn = pack(latents) if case.family is ModelFamily.FLUX else latents
    assert (drawn - stock_latents(case)).abs().max() <= TOLERANCE
    # It is steered at all.
    unsteered = an_order(case, Tier.FAST)
    bare = DrawOrder(job=unsteered.job.model_copy(update={"controls": ()}), source=unsteered.source)
    engine = Engine(open_artist=lambda: renderer)
    drawing = engine.submit(bare, ignore)
    engine.start()
    drawing.result()
    engine.close()
    assert (renderer.latents[SEED] - latents).abs().max() > 100 * TOLERANCE
