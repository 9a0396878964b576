"""What is done with a delivered picture: the words of the buttons and of the REST operations."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Self, assert_never

from backend.domain.requests import Mask, Outpaint, Upscale, UpscaleKind

CREATIVE_STRENGTH = 0.38
REGION_STRENGTH = 1.0
PAN_PART = 0.3
SQUARE_TOLERANCE = 0.01


class Variation(StrEnum):
    """How far variations depart from their picture."""

    SUBTLE = "subtle"
    STRONG = "strong"


VARIATION_STRENGTHS = {Variation.SUBTLE: 0.5, Variation.STRONG: 0.85}


class Direction(StrEnum):
    """A side of a picture."""

    LEFT = "left"
    RIGHT = "right"
    UP = "up"
    DOWN = "down"


@dataclass(frozen=True, kw_only=True)
class Rework:
    """One operation on a delivered picture; `prompt`, if given, takes the place of its words."""

    strength: float
    mask: Mask | None = None
    outpaint: Outpaint | None = None
    upscale: Upscale | None = None
    prompt: str | None = None

    @classmethod
    def vary(cls, variation: Variation, *, prompt: str | None = None) -> Self:
        """Return new pictures that start from it."""
        return cls(strength=VARIATION_STRENGTHS[variation], prompt=prompt)

    @classmethod
    def enlarge(cls, kind: UpscaleKind, *, factor: float = 2.0) -> Self:
        """Return the picture, larger."""
        strength = CREATIVE_STRENGTH if kind is UpscaleKind.CREATIVE else 0.0
        return cls(strength=strength, upscale=Upscale(kind=kind, factor=factor))

    @classmethod
    def grow(cls, outpaint: Outpaint, *, prompt: str | None = None) -> Self:
        """Return the picture on a larger canvas."""
        return cls(strength=1.0, outpaint=outpaint, prompt=prompt)

    @classmethod
    def zoom_out(cls, zoom: float, *, prompt: str | None = None) -> Self:
        """Return the picture seen from so many times as far."""
        return cls.grow(Outpaint(zoom=zoom), prompt=prompt)

    @classmethod
    def pan(cls, direction: Direction, *, prompt: str | None = None) -> Self:
        """Return the picture with more of what lies on one side of it."""
        return cls.grow(_towards(direction), prompt=prompt)

    @classmethod
    def make_square(cls, *, width: int, height: int) -> Self:
        """Return the picture with more on its two longer sides, until it is square."""
        if width >= height:
            part = (width / height - 1) / 2
            return cls.grow(Outpaint(top=part, bottom=part))
        part = (height / width - 1) / 2
        return cls.grow(Outpaint(left=part, right=part))

    @classmethod
    def redraw(
        cls, mask: Mask, *, strength: float = REGION_STRENGTH, prompt: str | None = None
    ) -> Self:
        """Return the picture with a part of it drawn anew."""
        return cls(strength=strength, mask=mask, prompt=prompt)


def is_square(*, width: int, height: int) -> bool:
    """Say whether a picture is as wide as high, but for rounding."""
    return abs(width / height - 1) < SQUARE_TOLERANCE


def _towards(direction: Direction) -> Outpaint:
    match direction:
        case Direction.LEFT:
            return Outpaint(left=PAN_PART)
        case Direction.RIGHT:
            return Outpaint(right=PAN_PART)
        case Direction.UP:
            return Outpaint(top=PAN_PART)
        case Direction.DOWN:
            return Outpaint(bottom=PAN_PART)
        case _:
            assert_never(direction)
