"""ControlNets steer jobs: at their steps, with their own pictures, and never a stranger."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch

from backend.contracts import ControlUse, ModelFamily
from gpu_worker.family import DiffusersPart, LoadedModel
from gpu_worker.render.drawing import DrawOrder
from gpu_worker.render.pipeline import Renderer
from gpu_worker.render.steering import Control
from gpu_worker.state import AdapterMissing, BadRequest
from tests.fakes.engines import draw_alone
from tests.unit.gpu_worker.conftest import a_render_job, open_renderer
from tests.unit.gpu_worker.controlnets import a_hint, open_shelf, write_controlnet


class CountingShelf:
    """Notes who is asked for."""

    def __init__(self, shelf: Any) -> None:
        self.shelf = shelf
        self.asked: list[str] = []

    @contextmanager
    def hold(self, name: str) -> Iterator[DiffusersPart]:
        self.asked.append(name)
        with self.shelf.hold(name) as network:
            yield network


@pytest.fixture
def shelf(loaded_sdxl: LoadedModel, tmp_path: Path) -> CountingShelf:
    write_controlnet(tmp_path / "lines", loaded_sdxl, ModelFamily.SDXL, seed=1)
    return CountingShelf(open_shelf(tmp_path, loaded_sdxl, ModelFamily.SDXL))


@pytest.fixture
def steered(renderer: Renderer, shelf: CountingShelf) -> Renderer:
    renderer._controlnets = shelf
    return renderer


def an_order(name: str = "lines", hint: int = 0, **fields: Any) -> DrawOrder:
    use = ControlUse(name=name, key="uploads/a.png", **fields)
    return DrawOrder(job=a_render_job(controls=(use,), steps=4), controls=(a_hint(hint),))


def test_a_scale_of_nothing_draws_to_the_bit_what_is_not_steered(
    steered: Renderer, latents: list[torch.Tensor]
):
    draw_alone(steered, an_order(scale=0.0))
    draw_alone(steered, DrawOrder(job=a_render_job(steps=4)))
    draw_alone(steered, an_order(scale=0.5))
    draw_alone(steered, an_order(scale=0.5, hint=2))
    nothing, plain, half, other = latents
    assert torch.equal(nothing, plain)
    assert not torch.equal(half, plain)
    assert not torch.equal(half, other)


def test_a_controlnet_is_asked_at_its_steps_only(steered: Renderer, shelf: CountingShelf):
    draw_alone(steered, an_order(begin=0.25, end=0.75))
    # Once to read its picture, and at the second and third of four steps.
    assert shelf.asked == ["lines"] * 3


@pytest.mark.parametrize(
    ("begin", "end", "steps", "steered_at"),
    [
        (0.0, 1.0, 4, [0, 1, 2, 3]),
        (0.0, 0.5, 4, [0, 1]),
        (0.5, 1.0, 4, [2, 3]),
        (0.3, 0.7, 5, [2]),
        (0.9, 0.1, 5, []),
    ],
)
def test_it_steers_whole_steps_between_beginning_and_end(begin, end, steps, steered_at):
    use = ControlUse(name="lines", key="k", scale=0.5, begin=begin, end=end)
    control = Control(use=use, hint=torch.zeros(1))
    scales = [control.scale_at(done, steps) for done in range(steps)]
    assert [done for done, scale in enumerate(scales) if scale] == steered_at
    assert set(scales) <= {0.0, 0.5}


def test_one_that_is_not_there_ends_its_own_job_alone(steered: Renderer):
    with pytest.raises(AdapterMissing, match="there are: lines"):
        draw_alone(steered, an_order("nowhere"))
    assert draw_alone(steered, an_order()).pictures


def test_a_worker_without_controlnets_refuses_a_job_with_one(sdxl):
    with pytest.raises(BadRequest, match="ControlNets"):
        draw_alone(open_renderer(sdxl), an_order())
