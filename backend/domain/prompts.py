"""A prompt as understood: terms with weights, and the parameters that came with it."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from enum import StrEnum
from math import gcd
from typing import Final, Self

from backend.domain.errors import InvalidAspectRatio, InvalidLora, TooManyLoras
from backend.domain.families import ModelFamily, Sampler
from backend.domain.manner import Manner
from backend.domain.pictures import NamedPicture
from backend.domain.tiers import Tier

PROMPT_MAX_CHARACTERS = 4000
SEED_MAX = 2**32 - 1
STEPS_MIN, STEPS_MAX = 1, 150
IMAGE_COUNT_MIN, IMAGE_COUNT_MAX = 1, 4
ASPECT_RATIO_MAX = 3.0
LORAS_MAX = 4
LORA_SCALE_MAX = 4.0
_LORA_SCALE: Final = re.compile(r"[+-]?[0-9]{0,3}\.?[0-9]{1,17}", re.ASCII)
_LORA_NAME: Final = re.compile(r"\w[\w.-]{0,99}")


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


class Mode(StrEnum):
    """What a job draws from, beside words."""

    TEXT = "text"
    IMAGE = "image"
    INPAINT = "inpaint"
    OUTPAINT = "outpaint"
    UPSCALE_SUBTLE = "upscale_subtle"
    UPSCALE_CREATIVE = "upscale_creative"


@dataclass(frozen=True, kw_only=True)
class Effort:
    """What a job's pictures do to its cost.

    `strength` is the share of the steps taken, `area` of the usual pixels. `pictures` are looked at
    beside the words, and `controls` are the names of the ControlNets that steer.
    """

    mode: Mode = Mode.TEXT
    strength: float = 1.0
    area: float = 1.0
    pictures: int = 0
    controls: tuple[str, ...] = ()


def control_adapter(name: str) -> str:
    """Return what a ControlNet is called among the adapters of a worker."""
    return f"controlnet {name}"


@dataclass(frozen=True, kw_only=True)
class WeightedTerm:
    """A piece of prompt text, blanks and all, and how strongly it counts; 1.0 is plain."""

    text: str
    weight: float = 1.0


@dataclass(frozen=True, kw_only=True)
class WeightedPart:
    """Terms that are read together as one text, and how strongly they count beside other parts."""

    terms: tuple[WeightedTerm, ...]
    weight: float = 1.0

    @property
    def text(self) -> str:
        """Its words without their weights."""
        return "".join(term.text for term in self.terms)

    @property
    def is_plain(self) -> bool:
        """Whether no word counts more than another."""
        return all(term.weight == 1 for term in self.terms)

    @classmethod
    def plain(cls, text: str) -> Self:
        """Make a part of words that count as they come."""
        return cls(terms=(WeightedTerm(text=text),))


@dataclass(frozen=True, kw_only=True)
class LoraRef:
    """A LoRA by name, and how strongly it counts: 0 not at all, 1 as trained, -1 away from it."""

    name: str
    scale: float = 1.0

    def __post_init__(self) -> None:
        if not _LORA_NAME.fullmatch(self.name):
            raise InvalidLora(given=self.name)
        # What is no number at all is within no bounds either.
        if not -LORA_SCALE_MAX <= self.scale <= LORA_SCALE_MAX:
            raise InvalidLora(given=str(self))
        object.__setattr__(self, "scale", float(self.scale))

    def __str__(self) -> str:
        return f"{self.name}:{self.scale:g}"

    @classmethod
    def read(cls, text: str) -> "LoraRef":
        """Read `NAME` or `NAME:0.8`.

        Raises:
            InvalidLora: it is neither, or the scale is out of range.

        """
        name, colon, scale = text.strip().partition(":")
        if not colon:
            return cls(name=name)
        if not _LORA_SCALE.fullmatch(scale.strip()):
            raise InvalidLora(given=text)
        return cls(name=name, scale=float(scale))


def gather_loras(loras: Iterable[LoraRef]) -> tuple[LoraRef, ...]:
    """Return each LoRA once, in the order they were first named, as it was last asked for.

    Raises:
        TooManyLoras: more than a picture is drawn with.

    """
    gathered = {lora.name: lora for lora in loras}
    if len(gathered) > LORAS_MAX:
        raise TooManyLoras(limit=LORAS_MAX)
    return tuple(gathered.values())


@dataclass(frozen=True, kw_only=True)
class Translation:
    """What came between the words as typed and the words as drawn.

    `positive` and `negative` are the parts as typed in `language`, before `by` put them into
    English. Where `failure` says why nobody could ("slow", "failed" or "unread": a language that
    is not read here), they are empty, and what was typed is drawn.
    """

    language: str
    by: str
    positive: tuple[WeightedPart, ...] = ()
    negative: tuple[WeightedPart, ...] = ()
    failure: str = ""


@dataclass(frozen=True, kw_only=True)
class PromptSpec:
    """What the member meant: everything a worker needs to draw, except the resolved seed.

    `positive` are parts that are mixed by their weights, and `negative` the things to leave out.
    The workshop adds `style_words` behind them and mixes in the parts of `house`. `approximated`
    names the parameters that the family can only come near to.
    `translation` tells of words that were typed in another `language` than is drawn.
    A tiled picture's edges meet. `image_weight` overrules how strongly image prompts count, and
    `zoom` from how far a picture is seen that grows. `pictures` are those that the prompt names;
    `style_weight` and `character_weight` say how much references count.
    """

    positive: tuple[WeightedPart, ...]
    negative: tuple[WeightedPart, ...] = ()
    language: str = "und"
    translation: Translation | None = None
    family: ModelFamily = ModelFamily.SDXL
    tier: Tier = Tier.FAST
    aspect_ratio: AspectRatio = field(default_factory=AspectRatio)
    steps: int | None = None
    guidance: float | None = None
    sampler: Sampler | None = None
    seed: int | None = None
    image_count: int = IMAGE_COUNT_MAX
    loras: tuple[LoraRef, ...] = ()
    is_tiled: bool = False
    image_weight: float | None = None
    zoom: float | None = None
    pictures: tuple[NamedPicture, ...] = ()
    style_weight: int | None = None
    character_weight: int | None = None
    effort: Effort = field(default_factory=Effort)
    manner: Manner = field(default_factory=Manner)
    style_words: str = ""
    house: tuple[WeightedPart, ...] = ()
    approximated: tuple[str, ...] = ()

    @property
    def typed(self) -> Self:
        """The same, in the words that were typed."""
        before = self.translation
        if before is None or before.failure:
            return self
        return replace(self, positive=before.positive, negative=before.negative, translation=None)

    @property
    def drawn(self) -> tuple[WeightedPart, ...]:
        """The parts that are drawn: the member's, and what the workshop adds."""
        first, *others = self.positive
        if self.style_words:
            style = WeightedTerm(text=f", {self.style_words}")
            first = WeightedPart(terms=(*first.terms, style), weight=first.weight)
        return (first, *others, *self.house)

    @property
    def drawn_text(self) -> str:
        """The words that are drawn as one text, without their weights."""
        return ", ".join(filter(None, (self.positive_text, self.style_words)))

    @property
    def adapters(self) -> tuple[str, ...]:
        """The names of what a worker must have loaded beside the model."""
        controls = dict.fromkeys(map(control_adapter, self.effort.controls))
        return (*(lora.name for lora in self.loras), *controls)

    @property
    def positive_text(self) -> str:
        """The words to see as one text, without their weights."""
        return ", ".join(part.text for part in self.positive)

    @property
    def negative_text(self) -> str:
        """The words to leave out as one text, without their weights."""
        return ", ".join(part.text for part in self.negative)
