"""What the tests against stock pipelines have in common."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import diffusers
import numpy as np
import torch
from PIL import Image

from backend.contracts import Sampler
from gpu_worker.family import LoadedModel
from gpu_worker.render.drawing import Drawing, DrawOrder, Run
from gpu_worker.render.pipeline import Renderer
from tests.fakes.engines import draw_alone
from tests.unit.gpu_worker.conftest import a_render_job

TOLERANCE = 1e-4
T5_TOKENS = 32  # the tiny models' tokenizers' own
PROMPT = "a fox in the snow"
_STOCK_SCHEDULERS = {
    Sampler.DDIM: diffusers.DDIMScheduler,
    Sampler.EULER: diffusers.EulerDiscreteScheduler,
    Sampler.EULER_A: diffusers.EulerAncestralDiscreteScheduler,
    Sampler.DPMPP_2M: diffusers.DPMSolverMultistepScheduler,
    Sampler.DPMPP_2M_KARRAS: diffusers.DPMSolverMultistepScheduler,
    Sampler.LCM: diffusers.LCMScheduler,
    Sampler.FLOW_EULER: diffusers.FlowMatchEulerDiscreteScheduler,
    Sampler.FLOW_HEUN: diffusers.FlowMatchHeunDiscreteScheduler,
}


def stock(loaded: LoadedModel, pipeline_class: Any, sampler: Sampler, **options: Any) -> Any:
    """Open a stock pipeline over the same parts, with the sampler's stock scheduler."""
    pipe = pipeline_class(**loaded.pipeline.components, **options)
    karras = {"use_karras_sigmas": True} if sampler is Sampler.DPMPP_2M_KARRAS else {}
    config = loaded.pipeline.scheduler.config
    pipe.scheduler = _STOCK_SCHEDULERS[sampler].from_config(config, **karras)
    pipe.set_progress_bar_config(disable=True)
    return pipe


class SeenRenderer(Renderer):
    """A renderer whose looks and last latents are noted, by the seeds of the jobs."""

    def __init__(self, **parts: Any) -> None:
        super().__init__(**parts)
        self.looks: list[dict[int, int]] = []
        self.latents: dict[int, torch.Tensor] = {}

    def step(self, runs: Sequence[Run]) -> None:
        self.looks.append({seed_of(run): run.done for run in runs})
        super().step(runs)

    def finish(self, run: Run) -> Drawing | None:
        self.latents[seed_of(run)] = run.latents
        return super().finish(run)


def seed_of(run: Any) -> int:
    return run.generators[0].initial_seed()


@contextmanager
def meeting_edges(pipe: Any) -> Iterator[None]:
    """Make a stock pipeline's network circular, as people do by hand."""
    layers = [one for one in pipe.unet.modules() if isinstance(one, torch.nn.Conv2d)]
    for layer in layers:
        layer.padding_mode = "circular"
    try:
        yield
    finally:
        for layer in layers:
            layer.padding_mode = "zeros"


def seeds(first: int, count: int) -> list[torch.Generator]:
    return [torch.Generator("cpu").manual_seed(first + index) for index in range(count)]


def a_picture(side: int = 64) -> Image.Image:
    ramp = np.linspace(0, 255, side, dtype=np.uint8)
    red, green = np.meshgrid(ramp, ramp)
    return Image.fromarray(np.stack([red, green, np.full_like(red, 99)], axis=-1))


def a_mask(side: int = 64) -> Image.Image:
    """Return a mask with soft edges that lie between latents."""
    middle = np.linspace(-1, 1, side)
    distance = np.hypot(*np.meshgrid(middle - 0.1, middle * 1.2))
    return Image.fromarray((255 * (1.6 - 2 * distance).clip(0, 1)).astype(np.uint8))


def draw(renderer: Renderer, begin_with: Image.Image | None = None, **fields: Any) -> Drawing:
    order = DrawOrder(job=a_render_job(**fields), source=begin_with)
    return draw_alone(renderer, order)
