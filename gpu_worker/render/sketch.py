"""Takes down now and then what a job's pictures would be; drawing and checking it is not its work.

The engine's thread only copies a few numbers to the host, and does not wait for the copy.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch

from backend.contracts import RenderJob


@dataclass(frozen=True, kw_only=True)
class Guess:
    """Latents of the pictures as they would be now, on the host, [pictures, channels, h, w]."""

    latents: torch.Tensor
    step: int
    steps: int


@dataclass(frozen=True, kw_only=True)
class Sketching:
    """How often guesses are taken, and who gets them.

    After each `share` of the steps, but not before `every_s` seconds have passed.
    """

    share: float
    every_s: float
    hand_over: Callable[[RenderJob, Guess], object]
    clock: Callable[[], float] = time.monotonic

    def open(self, job: RenderJob) -> "Sketcher":
        """Return what takes down the guesses of a job that begins now."""
        return Sketcher(job=job, sketching=self)


class Sketcher:
    """What one job's pictures would be; each guess is handed over once it is on the host."""

    def __init__(self, *, job: RenderJob, sketching: Sketching) -> None:
        self._job = job
        self._sketching = sketching
        self._taken_at = sketching.clock()
        self._next_share = sketching.share
        self._copying: tuple[torch.cuda.Event, Guess] | None = None

    def is_due(self, step: int, steps: int) -> bool:
        """Say whether the guess after this step, counted from 1, is wanted; the last never is."""
        self._look()
        # A little less, for shares add up to a little more.
        if step >= steps or step < self._next_share * steps - 1e-6:
            return False
        return self._sketching.clock() - self._taken_at >= self._sketching.every_s

    def take(self, latents: torch.Tensor, step: int, steps: int) -> None:
        """Take a guess down."""
        self._taken_at = self._sketching.clock()
        self._next_share = step / steps + self._sketching.share
        if latents.device.type != "cuda":
            guess = Guess(latents=latents.float().clone(), step=step, steps=steps)
            self._sketching.hand_over(self._job, guess)
            return
        host = torch.empty(latents.shape, dtype=torch.float32, pin_memory=True)
        host.copy_(latents.float(), non_blocking=True)
        arrived = torch.cuda.Event()  # type: ignore[no-untyped-call]  # torch's own
        arrived.record()
        self._copying = arrived, Guess(latents=host, step=step, steps=steps)

    def _look(self) -> None:
        """Hand over a guess that has arrived since the last step."""
        if self._copying is None:
            return
        arrived, guess = self._copying
        if arrived.query():  # type: ignore[no-untyped-call]  # torch's own
            self._sketching.hand_over(self._job, guess)
            self._copying = None
