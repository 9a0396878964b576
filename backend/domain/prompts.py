"""A prompt as understood: terms with weights, and the parameters that came with it."""

from dataclasses import dataclass, field
from math import gcd

from backend.domain.errors import InvalidAspectRatio
from backend.domain.families import ModelFamily, Sampler
from backend.domain.tiers import Tier

PROMPT_MAX_CHARACTERS = 4000
SEED_MAX = 2**32 - 1
STEPS_MIN, STEPS_MAX = 1, 150
IMAGE_COUNT_MIN, IMAGE_COUNT_MAX = 1, 4
ASPECT_RATIO_MAX = 3.0


@dataclass(frozen=True, kw_only=True)
class AspectRatio:
    """Width to height in whole numbers, reduced; between 1:3 and 3:1."""

    width: int = 1
    height: int = 1

    def __post_init__(self) -> None:
        if self.width < 1 or self.height < 1:
            raise InvalidAspectRatio(given=f"{self.width}:{self.height}")
        if max(self.width / self.height, self.height / self.width) > ASPECT_RATIO_MAX:
            raise InvalidAspectRatio(given=f"{self.width}:{self.height}")
        divisor = gcd(self.width, self.height)
        object.__setattr__(self, "width", self.width // divisor)
        object.__setattr__(self, "height", self.height // divisor)

    def __str__(self) -> str:
        return f"{self.width}:{self.height}"


@dataclass(frozen=True, kw_only=True)
class WeightedTerm:
    """A piece of prompt text and how strongly it counts; 1.0 is plain."""

    text: str
    weight: float = 1.0


@dataclass(frozen=True, kw_only=True)
class PromptSpec:
    """What the member meant: everything a worker needs to draw, except the resolved seed.

    `adapters` names what a worker must have loaded beside the model.
    """

    positive: tuple[WeightedTerm, ...]
    negative: tuple[WeightedTerm, ...] = ()
    language: str = "und"
    family: ModelFamily = ModelFamily.SDXL
    tier: Tier = Tier.FAST
    aspect_ratio: AspectRatio = field(default_factory=AspectRatio)
    steps: int | None = None
    guidance: float | None = None
    sampler: Sampler | None = None
    seed: int | None = None
    image_count: int = IMAGE_COUNT_MAX
    adapters: tuple[str, ...] = ()

    @property
    def positive_text(self) -> str:
        """The positive terms as one text."""
        return ", ".join(term.text for term in self.positive)

    @property
    def negative_text(self) -> str:
        """The negative terms as one text."""
        return ", ".join(term.text for term in self.negative)
