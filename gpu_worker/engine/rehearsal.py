"""An artist without a model: sleeps for each step and hands back plain pictures.

For rehearsals of queues and processes, which are all real; nothing here is offered to users.
"""

import hashlib
import threading
import time
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import cast

from PIL import Image

from backend.contracts import MannerUse, RenderJob, planned_steps, taken_steps
from gpu_worker.render.drawing import Drawing, DrawOrder, Run

_SIDE = 64
ADAPTERS_MAX = 8


class AdapterShelf:
    """Which adapters are loaded, the latest used last; may be read from any thread."""

    def __init__(self, *, most: int = ADAPTERS_MAX) -> None:
        self._most = most
        self._held: tuple[str, ...] = ()

    def held(self) -> frozenset[str]:
        """Return the names of what is loaded."""
        return frozenset(self._held)

    @contextmanager
    def hold(self, job: RenderJob) -> Iterator[None]:
        """Have nothing to read: loading is rehearsed where a job begins."""
        yield

    def foresee(self) -> int:
        """Have nothing to read."""
        return 0

    def fetch(self, adapters: Iterable[str]) -> int:
        """Load what is not loaded yet, in place of what was used longest ago; count it."""
        wanted = tuple(dict.fromkeys(adapters))
        missing = len(set(wanted) - set(self._held))
        others = tuple(name for name in self._held if name not in wanted)
        self._held = (others + wanted)[-self._most :]
        return missing


@dataclass(kw_only=True, eq=False)
class _Sleep:
    """A `Run` of which nothing is drawn before its end."""

    seed: int
    rows: int
    steps: int
    done: int = 0
    denoise_s: float = 0.0
    key: Hashable = None
    outfit: Hashable = None
    row_pixels: int = _SIDE**2


class SleepingArtist:
    """An `Artist` that takes its time and nothing else; a shared step takes no longer.

    A job whose seed is `hang_seed` takes its first step and then never another: a hung kernel.
    """

    def __init__(
        self,
        *,
        step_s: float,
        steps: int,
        decode_s: float = 0.0,
        adapter_s: float = 0.0,
        hang_seed: int | None = None,
        shelf: AdapterShelf | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._step_s = step_s
        self._steps = steps
        self._decode_s = decode_s
        self._adapter_s = adapter_s
        self._hang_seed = hang_seed
        self._shelf = shelf or AdapterShelf()
        self._sleep = sleep

    def begin(self, order: DrawOrder) -> Run:
        job = order.job
        self._pause(self._adapter_s * self._shelf.fetch(job.adapters))
        manner = job.manner or MannerUse()
        planned = planned_steps(job.steps or self._steps, manner.effort)
        steps = taken_steps(planned, manner.stop)
        return _Sleep(seed=job.seed, rows=job.image_count, steps=steps)

    def step(self, runs: Sequence[Run]) -> None:
        sleeps = cast("Sequence[_Sleep]", runs)  # an engine hands back what was begun here
        if any(sleep.seed == self._hang_seed and sleep.done for sleep in sleeps):
            threading.Event().wait()
        self._pause(self._step_s)
        for sleep in sleeps:
            sleep.done += 1
            sleep.denoise_s += self._step_s

    def finish(self, run: Run) -> Drawing:
        sleep = cast("_Sleep", run)  # as in `step`
        self._pause(self._decode_s)
        return Drawing(
            pictures=tuple(_plain_picture(sleep.seed + i) for i in range(sleep.rows)),
            denoise_s=sleep.denoise_s,
            decode_s=self._decode_s,
        )

    def _pause(self, seconds: float) -> None:
        if seconds:
            self._sleep(seconds)


def _plain_picture(seed: int) -> Image.Image:
    """Return a square of one colour, told by the seed."""
    red, green, blue = hashlib.sha256(str(seed).encode()).digest()[:3]
    return Image.new("RGB", (_SIDE, _SIDE), (red, green, blue))
