"""What is ordered from an artist, how it is drawn step by step, and what is handed back.

Knows no torch, so that a worker without a model starts light.
"""

from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from typing import Protocol

from PIL import Image

from backend.contracts import Recipe, RenderJob, RenderNote

MOST_IMAGES = 16
MOST_STEPS = 500

# Called with (steps done, steps in all) before the first step and after each, and with the same
# numbers while others take theirs; raising ends the drawing there. It must not keep the engine.
OnStep = Callable[[int, int], None]


@dataclass(frozen=True, kw_only=True)
class DrawOrder:
    """A job, with the pictures it is given already read."""

    job: RenderJob
    source: Image.Image | None = None
    mask: Image.Image | None = None
    image_prompts: tuple[Image.Image, ...] = ()
    controls: tuple[Image.Image, ...] = ()  # for each of the job's


@dataclass(frozen=True, kw_only=True)
class Drawing:
    """Pictures in order of index, unchecked: they go to `release/` and nowhere else.

    Seconds are the job's own: a step shared with others counts for its share of the rows.
    """

    pictures: tuple[Image.Image, ...]
    notes: tuple[RenderNote, ...] = ()
    recipe: Recipe | None = None
    encode_s: float = 0.0
    denoise_s: float = 0.0
    decode_s: float = 0.0
    upscale_s: float = 0.0


class Run(Protocol):
    """One job on its way through an artist; all that is its own between two steps."""

    @property
    def key(self) -> Hashable:
        """Return what must be equal in two runs that take a step together."""

    @property
    def outfit(self) -> Hashable:
        """Return what of that takes time to change between two steps: the LoRAs it wears."""

    @property
    def rows(self) -> int:
        """Return how many pictures the network sees of it in a step."""

    @property
    def row_pixels(self) -> int:
        """Return how many pixels each of them has."""

    @property
    def steps(self) -> int:
        """Return how many steps it takes in all; a sampler's second looks count."""

    @property
    def done(self) -> int:
        """Return how many of them have been taken."""


class Artist(Protocol):
    """Draws many jobs, each step by step; used by the engine's one thread only."""

    def begin(self, order: DrawOrder) -> Run:
        """Encode a job's words and lay out what its pictures begin with.

        Raises:
            RenderError: it cannot be drawn.

        """

    def step(self, runs: Sequence[Run]) -> None:
        """Take one step of every run, in one look of the network; their keys are equal.

        Raises:
            RenderError: it did not succeed. A run that is not a step further can be tried again.

        """

    def finish(self, run: Run) -> Drawing | None:
        """Decode or enlarge one more picture of a run with no steps left; the last brings them all.

        Raises:
            RenderError: it did not succeed.

        """
