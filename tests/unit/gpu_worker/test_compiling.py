"""Compiling the repeated blocks: what it must not change, when it happens, and how it fails."""

import copy
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import structlog
import torch

from backend.contracts import LoraUse, ModelFamily
from gpu_worker.compose.compiling import (
    CompileChoice,
    compile_blocks,
    count_compilations,
    is_compiled,
    network_of,
)
from gpu_worker.compose.wardrobe import Wardrobe
from gpu_worker.families import open_family
from gpu_worker.family import LoadedModel
from gpu_worker.render.drawing import Drawing, DrawOrder
from gpu_worker.render.pipeline import Renderer
from gpu_worker.samplers import open_sampler
from gpu_worker.warm_up import compile_and_warm_up, usual_jobs
from tests.fakes.engines import draw_alone
from tests.unit.gpu_worker.compose.loras import style_lora
from tests.unit.gpu_worker.conftest import a_render_job

# Traces and guards as any other, and runs the traced code as it is: needs no C++ compiler.
TRACED = "eager"
SWITCHES = 100


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    dynamo = torch._dynamo.config
    before = dynamo.suppress_errors, dynamo.recompile_limit
    yield
    dynamo.suppress_errors, dynamo.recompile_limit = before
    torch.compiler.reset()


@pytest.fixture(params=list(ModelFamily))
def model(request: pytest.FixtureRequest) -> LoadedModel:
    """A model of each family, ours to compile."""
    loaded: LoadedModel = request.getfixturevalue(f"loaded_{request.param}")
    return replace(loaded, pipeline=copy.deepcopy(loaded.pipeline))


def family_of(model: LoadedModel) -> ModelFamily:
    name = type(model.pipeline).__name__
    return next(
        family
        for start, family in {
            "StableDiffusionXL": ModelFamily.SDXL,
            "StableDiffusion3": ModelFamily.SD3,
            "Flux": ModelFamily.FLUX,
        }.items()
        if name.startswith(start)
    )


def open_renderer(model: LoadedModel, *, dresser: Wardrobe | None = None) -> Renderer:
    family = family_of(model)
    opened = open_family(family, model)
    return Renderer(
        family=opened,
        open_sampler=partial(open_sampler, family=family, scheduler_config=opened.scheduler_config),
        dresser=dresser,
    )


def draw(renderer: Renderer, family: ModelFamily, **fields: object) -> Drawing:
    return draw_alone(renderer, DrawOrder(job=a_render_job(family=family, **fields)))


def pixels(drawing: Drawing) -> np.ndarray:
    return np.stack([np.asarray(picture, int) for picture in drawing.pictures])


def test_blocks_are_found_in_every_family(model: LoadedModel):
    assert compile_blocks(network_of(model), backend=TRACED) >= 2


def test_after_the_warm_up_nothing_usual_is_compiled_and_pictures_are_the_same(model: LoadedModel):
    family, renderer = family_of(model), open_renderer(model)
    wanted = [
        {},
        {"image_count": 3},
        {"aspect_width": 3, "aspect_height": 2},
        {"guidance": 1.0},
        {"prompt": "a fox in the snow " * 30},
        {"aspect_width": 9, "aspect_height": 16, "image_count": 2},
    ]
    before = [pixels(draw(renderer, family, **fields)) for fields in wanted]
    assert compile_and_warm_up(renderer, network_of(model), family, backend=TRACED)
    compiled = count_compilations()
    assert compiled > 0
    after = [pixels(draw(renderer, family, **fields)) for fields in wanted]
    assert count_compilations() == compiled
    for one, other in zip(before, after, strict=True):
        # What is traced adds up in another order now and then: a step of 255 at most.
        assert np.abs(one - other).max() <= 1


def test_a_hundred_changes_of_loras_compile_nothing(loaded_sdxl: LoadedModel, tmp_path: Path):
    model = replace(loaded_sdxl, pipeline=copy.deepcopy(loaded_sdxl.pipeline))
    for number, name in enumerate(("one", "two", "three")):
        style_lora(tmp_path / f"{name}.safetensors", model, rank=2 + 3 * number, seed=number)
    wardrobe = Wardrobe(model=model, family=ModelFamily.SDXL, folder=tmp_path, cached_bytes=2**20)
    assert wardrobe.prepare(("one", "two", "three"), at_once=2) == ("one", "two", "three")
    outfits: list[tuple[LoraUse, ...]] = [
        (LoraUse(name="one"),),
        (LoraUse(name="two", scale=0.5),),
        (LoraUse(name="one", scale=-0.2), LoraUse(name="three")),
        (),
    ]
    renderer = open_renderer(model)
    look = partial(draw, renderer, ModelFamily.SDXL, steps=1)
    compile_blocks(network_of(model), backend=TRACED)
    look()
    wardrobe.dress(outfits[0])
    look()
    compiled = count_compilations()
    seen = set()
    for number in range(SWITCHES):
        wardrobe.dress(outfits[number % len(outfits)])
        if number % 7 < 2:
            seen.add(pixels(look()).tobytes())
    assert count_compilations() == compiled
    assert len(seen) == len(outfits)


def test_who_asks_for_a_lora_first_waits_for_no_compiler(loaded_sdxl: LoadedModel, tmp_path: Path):
    model = replace(loaded_sdxl, pipeline=copy.deepcopy(loaded_sdxl.pipeline))
    for number, name in enumerate(("one", "two")):
        style_lora(tmp_path / f"{name}.safetensors", model, seed=number)
    wardrobe = Wardrobe(model=model, family=ModelFamily.SDXL, folder=tmp_path, cached_bytes=2**20)
    renderer = open_renderer(model, dresser=wardrobe)
    loras = wardrobe.prepare(("one", "two"), at_once=2)
    network = network_of(model)
    assert compile_and_warm_up(renderer, network, ModelFamily.SDXL, loras=loras, backend=TRACED)
    compiled = count_compilations()
    for worn in ([], [LoraUse(name="two")], [LoraUse(name="one"), LoraUse(name="two", scale=0.3)]):
        for fields in ({}, {"aspect_width": 3, "aspect_height": 2, "image_count": 2}):
            draw(renderer, ModelFamily.SDXL, loras=worn, **fields)
    assert count_compilations() == compiled


@pytest.mark.parametrize("when", ["at once", "later"])
def test_a_network_that_cannot_be_compiled_draws_as_it_is_and_says_why(
    loaded_sdxl: LoadedModel, when: str
):
    model = replace(loaded_sdxl, pipeline=copy.deepcopy(loaded_sdxl.pipeline))
    renderer = open_renderer(model)
    expected = pixels(draw(renderer, ModelFamily.SDXL))
    uses = 0

    def broken(graph: torch.fx.GraphModule, _inputs: object) -> Callable[..., object]:
        nonlocal uses
        uses += 1
        if when == "at once" or uses > 2:
            raise RuntimeError("no C++ compiler is here")
        return graph.forward

    with structlog.testing.capture_logs() as events:
        is_done = compile_and_warm_up(renderer, network_of(model), ModelFamily.SDXL, backend=broken)
    assert not is_done
    [told] = [event for event in events if event["event"] == "not_compiled"]
    assert "no C++ compiler is here" in told["reason"]
    assert np.array_equal(pixels(draw(renderer, ModelFamily.SDXL)), expected)


@pytest.mark.parametrize(
    ("choice", "device", "compiles"),
    [
        ("auto", "cpu", False),
        ("auto", "cuda", True),
        ("none", "cuda", False),
        ("regional", "cpu", True),
    ],
)
def test_auto_compiles_on_cuda(choice: CompileChoice, device: str, *, compiles: bool):
    assert is_compiled(choice, torch.device(device)) is compiles


@pytest.mark.parametrize("family", ModelFamily)
def test_the_warm_up_meets_one_row_and_several_many_sizes_and_long_words(family: ModelFamily):
    jobs = list(usual_jobs(family))
    assert {job.image_count for job in jobs} == {1, 4}
    assert len({(job.aspect_width, job.aspect_height) for job in jobs}) >= 5
    assert {job.guidance for job in jobs} == {None, 1.0}
    assert max(len(job.prompt) for job in jobs) > 1000
    assert {job.family for job in jobs} == {family}
