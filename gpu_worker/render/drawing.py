"""What is ordered from a renderer, and what it hands back.

Knows no torch, so that a worker without a model starts light.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from PIL import Image

from backend.contracts import RenderJob

MOST_IMAGES = 16
MOST_STEPS = 500

# Called before the first step and after each with (steps done, steps in all); raising ends the
# drawing there.
OnStep = Callable[[int, int], None]


@dataclass(frozen=True, kw_only=True)
class DrawOrder:
    """A job, with the picture it starts from already read."""

    job: RenderJob
    source: Image.Image | None = None


@dataclass(frozen=True, kw_only=True)
class Drawing:
    """Pictures in order of index, unchecked: they go to `release/` and nowhere else."""

    pictures: tuple[Image.Image, ...]
    encode_s: float = 0.0
    denoise_s: float = 0.0
    decode_s: float = 0.0
    upscale_s: float = 0.0


class Artist(Protocol):
    """Draws; used by the engine's one thread only."""

    def draw(self, order: DrawOrder, on_step: OnStep) -> Drawing:
        """Draw all pictures of a job.

        Raises:
            RenderError: it cannot be drawn.

        """
