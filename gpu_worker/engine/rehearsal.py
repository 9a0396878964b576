"""An artist without a model: sleeps for each step and hands back plain pictures.

For rehearsals of queues and processes, which are all real; nothing here is offered to users.
"""

import hashlib
import time

from PIL import Image

from gpu_worker.render.drawing import Drawing, DrawOrder, OnStep

_SIDE = 64


class SleepingArtist:
    """An `Artist` that takes its time and nothing else."""

    def __init__(self, *, step_s: float, steps: int) -> None:
        self._step_s = step_s
        self._steps = steps

    def draw(self, order: DrawOrder, on_step: OnStep) -> Drawing:
        begun_at = time.perf_counter()
        steps = order.job.steps or self._steps
        on_step(0, steps)
        for done in range(1, steps + 1):
            if self._step_s:
                time.sleep(self._step_s)
            on_step(done, steps)
        return Drawing(
            pictures=tuple(
                _plain_picture(order.job.seed + i) for i in range(order.job.image_count)
            ),
            denoise_s=time.perf_counter() - begun_at,
        )


def _plain_picture(seed: int) -> Image.Image:
    """Return a square of one colour, told by the seed."""
    red, green, blue = hashlib.sha256(str(seed).encode()).digest()[:3]
    return Image.new("RGB", (_SIDE, _SIDE), (red, green, blue))
