"""An artist without a model: sleeps for each step and hands back plain pictures.

For rehearsals of queues and processes, which are all real; nothing here is offered to users.
"""

import hashlib
import time
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from typing import cast

from PIL import Image

from gpu_worker.render.drawing import Drawing, DrawOrder, Run

_SIDE = 64


@dataclass(kw_only=True, eq=False)
class _Sleep:
    """A `Run` of which nothing is drawn before its end."""

    seed: int
    rows: int
    steps: int
    done: int = 0
    denoise_s: float = 0.0
    key: Hashable = None
    row_pixels: int = _SIDE**2


class SleepingArtist:
    """An `Artist` that takes its time and nothing else; a shared step takes no longer."""

    def __init__(self, *, step_s: float, steps: int) -> None:
        self._step_s = step_s
        self._steps = steps

    def begin(self, order: DrawOrder) -> Run:
        job = order.job
        return _Sleep(seed=job.seed, rows=job.image_count, steps=job.steps or self._steps)

    def step(self, runs: Sequence[Run]) -> None:
        if self._step_s:
            time.sleep(self._step_s)
        for sleep in cast("Sequence[_Sleep]", runs):  # an engine hands back what was begun here
            sleep.done += 1
            sleep.denoise_s += self._step_s

    def finish(self, run: Run) -> Drawing:
        sleep = cast("_Sleep", run)  # as in `step`
        return Drawing(
            pictures=tuple(_plain_picture(sleep.seed + i) for i in range(sleep.rows)),
            denoise_s=sleep.denoise_s,
        )


def _plain_picture(seed: int) -> Image.Image:
    """Return a square of one colour, told by the seed."""
    red, green, blue = hashlib.sha256(str(seed).encode()).digest()[:3]
    return Image.new("RGB", (_SIDE, _SIDE), (red, green, blue))
