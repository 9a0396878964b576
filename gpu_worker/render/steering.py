"""ControlNets in a step: what each is shown for every row, and how strongly each row heeds it."""

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass
from typing import Protocol

import torch

from backend.contracts import ControlUse
from gpu_worker.family import DiffusersPart, Family, Steering
from gpu_worker.render.drawing import DrawOrder
from gpu_worker.render.latents import to_pixels


class ControlNetShelf(Protocol):
    """Has ControlNets on the device by name."""

    def hold(self, name: str) -> AbstractContextManager[DiffusersPart]:
        """Have a ControlNet on the device while the block runs.

        Raises:
            RenderError: it cannot be had.

        """


@dataclass(frozen=True, kw_only=True)
class Control:
    """A ControlNet that steers one job, and what it is shown: [1, …] as the family reads it."""

    use: ControlUse
    hint: torch.Tensor

    def scale_at(self, done: int, steps: int) -> float:
        """Return how strongly it steers the step after `done` of `steps`."""
        is_before = done / steps < self.use.begin
        is_after = (done + 1) / steps > self.use.end
        return 0.0 if is_before or is_after else self.use.scale


def read_controls(
    shelf: ControlNetShelf, family: Family, order: DrawOrder, size: tuple[int, int]
) -> tuple[Control, ...]:
    """Return a job's controls; pictures are resized to what is drawn, width and height in pixels.

    Raises:
        RenderError: one of the ControlNets cannot be had, or not be used.

    """
    controls = []
    width, height = size
    for use, picture in zip(order.job.controls, order.controls, strict=True):
        pixels = to_pixels(picture, width=width, height=height)
        with shelf.hold(use.name) as network:
            controls.append(Control(use=use, hint=family.read_hint(network, pixels)))
    return tuple(controls)


@dataclass(frozen=True, kw_only=True)
class SteeredRows:
    """A job's rows in a look: how many they are, what steers them, and at which step."""

    rows: int
    controls: tuple[Control, ...]
    done: int
    steps: int


@contextmanager
def steer(shelf: ControlNetShelf | None, jobs: Sequence[SteeredRows]) -> Iterator[list[Steering]]:
    """Have at hand what steers a look that jobs share; all of them name the same ControlNets.

    One that steers none of the rows at their steps is not asked.
    """
    with ExitStack() as held:
        steering = []
        for place, control in enumerate(jobs[0].controls if shelf is not None else ()):
            scales = [job.controls[place].scale_at(job.done, job.steps) for job in jobs]
            if shelf is None or not any(scales):
                continue
            hints = [
                job.controls[place].hint.expand(job.rows, *control.hint.shape[1:]) for job in jobs
            ]
            rows = [torch.full((job.rows,), scale) for job, scale in zip(jobs, scales, strict=True)]
            steering.append(
                Steering(
                    network=held.enter_context(shelf.hold(control.use.name)),
                    hints=torch.cat(hints),
                    scales=torch.cat(rows).to(control.hint.device),
                )
            )
        yield steering
