"""What all measurements on a GPU have in common: orders, a renderer, an engine."""

import time
from contextlib import contextmanager
from functools import partial

from backend.contracts import RenderJob, Tier
from gpu_worker.engine.loop import Engine
from gpu_worker.families import open_family
from gpu_worker.family import LoadedModel
from gpu_worker.render.drawing import DrawOrder
from gpu_worker.render.pipeline import Renderer
from gpu_worker.samplers import open_sampler

PROMPT = "a red star on a blue background"


def open_renderer(workload, model: LoadedModel) -> Renderer:
    family = open_family(workload.family, model)
    return Renderer(
        family=family,
        open_sampler=partial(
            open_sampler, family=workload.family, scheduler_config=family.scheduler_config
        ),
    )


@contextmanager
def running(renderer: Renderer):
    engine = Engine(open_artist=lambda: renderer)
    engine.start()
    try:
        yield engine
    finally:
        engine.close()


def an_order(workload, seed: int, *, tier=Tier.FAST, image_count=1, steps=None) -> DrawOrder:
    job = RenderJob(
        job_id=f"bench_{seed}",
        attempt=1,
        family=workload.family,
        tier=tier,
        # Words of its own each time, so that none are known already.
        prompt=f"{PROMPT} {seed} {time.perf_counter_ns()}",
        image_count=image_count,
        seed=seed,
        steps=steps or workload.steps,
        guidance=workload.guidance,
        sampler=workload.sampler,
    )
    return DrawOrder(job=job)


def ignore(done: int, steps: int) -> None:
    """Take a step for granted."""
