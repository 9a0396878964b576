"""Two hundred mixed jobs in one process leave nothing behind."""

import gc
import os
from concurrent.futures import Future
from pathlib import Path
from random import Random

import pytest
import torch

from backend.contracts import FAMILY_SAMPLERS, ModelFamily, SourceKey, Tier
from gpu_worker.engine.loop import Engine
from gpu_worker.render.drawing import Drawing, DrawOrder
from gpu_worker.render.pipeline import Renderer
from gpu_worker.state import BadRequest, Cancelled
from tests.unit.gpu_worker.conftest import a_render_job
from tests.unit.gpu_worker.oracle import a_picture

JOBS, WARM = 200, 20
IN_FLIGHT = 4
RATIOS = [(1, 1), (3, 2), (2, 3)]
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
STATM = Path("/proc/self/statm")


def resident_bytes() -> int:
    return int(STATM.read_text().split()[1]) * PAGE_BYTES


def live_tensors() -> int:
    gc.collect()
    # By type: asking an object itself wakes lazy modules.
    return sum(issubclass(type(one), torch.Tensor) for one in gc.get_objects())


def a_mixed_order(seed: int, chance: Random) -> DrawOrder:
    width, height = chance.choice(RATIOS)
    is_from_picture = chance.random() < 0.25
    job = a_render_job(
        seed=seed,
        prompt=f"a fox of the number {chance.randrange(40)}",
        tier=chance.choice(list(Tier)),
        sampler=chance.choice(FAMILY_SAMPLERS[ModelFamily.SDXL]),
        guidance=chance.choice([1.0, 3.0]),
        # One in twenty cannot be drawn.
        steps=0 if chance.random() < 0.05 else chance.choice([1, 2, 3]),
        aspect_width=width,
        aspect_height=height,
        source=SourceKey(key="images/a.png", strength=0.8) if is_from_picture else None,
    )
    return DrawOrder(job=job, source=a_picture() if is_from_picture else None)


def submit(engine: Engine, order: DrawOrder, *, is_unwanted: bool) -> Future[Drawing]:
    def on_step(done: int, steps: int) -> None:
        if is_unwanted and done == 1:
            raise Cancelled

    return engine.submit(order, on_step)


@pytest.mark.skipif(not STATM.exists(), reason="tells resident memory by /proc")
def test_two_hundred_mixed_jobs_leave_memory_as_it_was_after_twenty(renderer: Renderer):
    chance = Random(5)  # noqa: S311 - a mix, not a secret
    engine = Engine(open_artist=lambda: renderer)
    engine.start()
    flying: list[Future[Drawing]] = []
    ends = {"drawn": 0, "refused": 0, "cancelled": 0}

    def land(ended: Future[Drawing]) -> None:
        match ended.exception():
            case None:
                ends["drawn"] += 1
            case BadRequest():
                ends["refused"] += 1
            case Cancelled():
                ends["cancelled"] += 1
            case error:
                raise error

    for number in range(JOBS):
        order = a_mixed_order(number, chance)
        flying.append(submit(engine, order, is_unwanted=chance.random() < 0.05))
        del order
        while len(flying) >= IN_FLIGHT or number in (WARM, JOBS - 1):
            if not flying:
                break
            land(flying.pop(0))
        if number == WARM:
            tensors, resident = live_tensors(), resident_bytes()
    assert live_tensors() - tensors < JOBS  # those of the embeddings that are kept
    assert resident_bytes() <= 1.05 * resident
    assert ends["drawn"] > 150
    assert min(ends.values()) > 0
    engine.close()
