"""How pictures are drawn, beside what is on them: steps, stops, seeds, whims, in all families."""

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch

from backend.contracts import FAMILY_SAMPLERS, MannerUse, ModelFamily, RenderJob, Sampler
from gpu_worker.families import open_family
from gpu_worker.family import LoadedModel
from gpu_worker.render.drawing import Drawing, DrawOrder
from gpu_worker.render.pipeline import Renderer
from gpu_worker.samplers import open_sampler
from tests.unit.gpu_worker.conftest import a_render_job

FAMILIES = pytest.mark.parametrize("name", list(ModelFamily))
PAIRS = [(family, sampler) for family, known in FAMILY_SAMPLERS.items() for sampler in known]


def renderer_of(name: ModelFamily, loaded: Mapping[ModelFamily, LoadedModel]) -> Renderer:
    family = open_family(name, loaded[name])
    return Renderer(
        family=family,
        open_sampler=partial(open_sampler, family=name, scheduler_config=family.scheduler_config),
    )


def draw(renderer: Renderer, job: RenderJob) -> tuple[int, Drawing]:
    """Return how many looks were taken, and the pictures."""
    run = renderer.begin(DrawOrder(job=job))
    while run.done < run.steps:
        renderer.step([run])
    while (drawing := renderer.finish(run)) is None:
        pass
    return run.steps, drawing


def job_of(name: ModelFamily, **fields: Any) -> RenderJob:
    manner = fields.pop("manner", None)
    use = None if manner is None else MannerUse(**manner)
    return a_render_job(family=name, manner=use, **fields)


def shown(drawing: Drawing) -> list[bytes]:
    return [picture.tobytes() for picture in drawing.pictures]


def distance(one: bytes, other: bytes) -> float:
    first, second = (np.frombuffer(each, dtype=np.uint8).astype(float) for each in (one, other))
    return float(np.abs(first - second).mean())


@FAMILIES
@pytest.mark.parametrize(
    ("manner", "taken"),
    [
        ({}, 8),
        ({"effort": 0.5}, 4),
        ({"effort": 0.25}, 2),
        ({"effort": 2.0}, 16),
        ({"stop": 50}, 4),
        ({"stop": 10}, 1),
        ({"effort": 0.5, "stop": 50}, 2),
    ],
)
def test_quality_and_stop_decide_the_steps(
    loaded: Mapping[ModelFamily, LoadedModel],
    name: ModelFamily,
    manner: dict[str, float],
    taken: int,
) -> None:
    steps, _ = draw(renderer_of(name, loaded), job_of(name, steps=8, manner=manner))
    assert steps == taken


@pytest.mark.parametrize(("name", "sampler"), PAIRS)
def test_a_stopped_picture_is_finished_by_every_sampler(
    loaded: Mapping[ModelFamily, LoadedModel], name: ModelFamily, sampler: Sampler
) -> None:
    renderer = renderer_of(name, loaded)
    fields = {"steps": 10, "sampler": sampler, "seed": 3}
    _, whole = draw(renderer, job_of(name, **fields))
    away = []
    for stop in (90, 50, 10):
        steps, stopped = draw(renderer, job_of(name, **fields, manner={"stop": stop}))
        assert steps == (2 * (stop // 10) - 1 if sampler is Sampler.FLOW_HEUN else stop // 10)
        away.append(distance(*shown(stopped), *shown(whole)))
    assert 0 < away[0] < away[2]


@pytest.mark.parametrize(("name", "sampler"), PAIRS)
@pytest.mark.parametrize("stop", [10, 50])
def test_a_stop_ends_at_the_picture_that_the_network_foresees(
    loaded: Mapping[ModelFamily, LoadedModel], name: ModelFamily, sampler: Sampler, stop: int
) -> None:
    """A network that knows the picture is asked: whatever is left out, the picture is the end."""
    family = open_family(name, loaded[name])
    opened = open_sampler(sampler, family=name, scheduler_config=family.scheduler_config)
    timesteps = opened.plan(10, device=family.device, image_tokens=16)
    timesteps = opened.stop_at(timesteps, stop)
    picture, noise = torch.randn(2, 1, 4, 8, 8, generator=torch.Generator().manual_seed(1))
    latents = opened.add_noise(picture, noise, timesteps[:1])
    is_flow = name is not ModelFamily.SDXL
    for timestep in timesteps:
        seen = noise - picture if is_flow else _noise_of(opened, latents, picture, noise, timestep)
        latents = opened.step(seen, timestep, latents, [torch.Generator().manual_seed(2)])
    # A consistency model's last guess keeps a trace of what it saw.
    closely = 0.02 if sampler is Sampler.LCM else 1e-3
    assert (latents - picture).abs().max() < closely


def _noise_of(
    sampler: Any,
    latents: torch.Tensor,
    picture: torch.Tensor,
    noise: torch.Tensor,
    timestep: torch.Tensor,
) -> torch.Tensor:
    """Return what of the latents is noise, by how a schedule of noise adds it."""
    nothing = torch.zeros_like(picture)
    scale = sampler.add_noise(nothing, torch.ones_like(noise), timestep[None]).flatten()[0]
    clean = sampler.add_noise(picture, nothing, timestep[None])
    return (latents - clean) / scale


@FAMILIES
def test_with_the_same_seed_all_pictures_are_one(
    loaded: Mapping[ModelFamily, LoadedModel], name: ModelFamily
) -> None:
    renderer = renderer_of(name, loaded)
    job = job_of(name, image_count=3, manner={"is_same_seed": True})
    assert [job.seed_of(index) for index in range(3)] == [7, 7, 7]
    one, other, third = (
        np.frombuffer(each, dtype=np.uint8).astype(int) for each in shown(draw(renderer, job)[1])
    )
    # Rows of a batch may differ by a rounding.
    assert max(np.abs(one - other).max(), np.abs(one - third).max()) <= 1


@FAMILIES
def test_chaos_leaves_the_first_picture_and_moves_the_others(
    loaded: Mapping[ModelFamily, LoadedModel], name: ModelFamily
) -> None:
    renderer = renderer_of(name, loaded)
    calm = shown(draw(renderer, job_of(name, image_count=3))[1])
    wild = shown(draw(renderer, job_of(name, image_count=3, manner={"chaos": 100}))[1])
    again = shown(draw(renderer, job_of(name, image_count=3, manner={"chaos": 100}))[1])
    assert wild == again
    assert distance(calm[0], wild[0]) < 1
    assert wild[1] != calm[1]
    assert wild[2] != calm[2]


@FAMILIES
def test_weirdness_moves_every_picture_the_more_the_higher(
    loaded: Mapping[ModelFamily, LoadedModel], name: ModelFamily
) -> None:
    renderer = renderer_of(name, loaded)
    calm = shown(draw(renderer, job_of(name))[1])[0]
    away = [
        distance(calm, shown(draw(renderer, job_of(name, manner={"weird": weird}))[1])[0])
        for weird in (1, 500, 3000)
    ]
    assert away[0] < away[1] < away[2]
