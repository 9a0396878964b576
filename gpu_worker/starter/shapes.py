"""Draws the simple shapes as masks with soft edges."""

import math
from collections.abc import Callable, Sequence

from PIL import Image, ImageDraw

_OVERSAMPLING = 4
_Point = tuple[float, float]
_Pen = Callable[[ImageDraw.ImageDraw, float], None]


def shape_mask(name: str, side: int) -> Image.Image:
    """Draw a shape in white on black, filling a square of `side` pixels.

    Raises:
        KeyError: there is no shape of that name.

    """
    large = side * _OVERSAMPLING
    mask = Image.new("L", (large, large), 0)
    _PENS[name](ImageDraw.Draw(mask), float(large - 1))
    return mask.resize((side, side), Image.Resampling.BOX)


def _polygon(points: Sequence[_Point]) -> _Pen:
    def draw(pen: ImageDraw.ImageDraw, side: float) -> None:
        pen.polygon([(x * side, y * side) for x, y in points], fill=255)

    return draw


def _round(corners: int, *, turn: float = -math.pi / 2) -> list[_Point]:
    """Return the corners of a regular polygon, the first one at the top."""
    angles = [turn + 2 * math.pi * index / corners for index in range(corners)]
    return [(0.5 + 0.5 * math.cos(angle), 0.5 + 0.5 * math.sin(angle)) for angle in angles]


def _star() -> list[_Point]:
    outer = _round(10)
    return [
        (x, y) if index % 2 == 0 else (0.5 + (x - 0.5) * 0.44, 0.5 + (y - 0.5) * 0.44)
        for index, (x, y) in enumerate(outer)
    ]


def _heart() -> list[_Point]:
    points = []
    for index in range(120):
        angle = 2 * math.pi * index / 120
        x = 16 * math.sin(angle) ** 3
        y = 13 * math.cos(angle) - 5 * math.cos(2 * angle) - 2 * math.cos(3 * angle)
        points.append((0.5 + x / 32, 0.5 - (y - math.cos(4 * angle) + 2.5) / 30))
    return points


def _circle(pen: ImageDraw.ImageDraw, side: float) -> None:
    pen.ellipse((0, 0, side, side), fill=255)


def _moon(pen: ImageDraw.ImageDraw, side: float) -> None:
    pen.ellipse((0, 0, side, side), fill=255)
    pen.ellipse((side * 0.36, -side * 0.06, side * 1.3, side * 0.88), fill=0)


def _ring(pen: ImageDraw.ImageDraw, side: float) -> None:
    pen.ellipse((0, 0, side, side), fill=255)
    pen.ellipse((side * 0.27, side * 0.27, side * 0.73, side * 0.73), fill=0)


def _cloud(pen: ImageDraw.ImageDraw, side: float) -> None:
    for x, y, radius in ((0.22, 0.6, 0.22), (0.47, 0.44, 0.28), (0.77, 0.58, 0.23)):
        left, top = (x - radius) * side, (y - radius) * side
        pen.ellipse((left, top, left + 2 * radius * side, top + 2 * radius * side), fill=255)
    pen.rectangle((side * 0.22, side * 0.5, side * 0.77, side * 0.81), fill=255)


_THIRD = 0.33
_PENS: dict[str, _Pen] = {
    "circle": _circle,
    "square": _polygon(((0.05, 0.05), (0.95, 0.05), (0.95, 0.95), (0.05, 0.95))),
    "triangle": _polygon(((0.5, 0.05), (1, 0.95), (0, 0.95))),
    "star": _polygon(_star()),
    "heart": _polygon(_heart()),
    "diamond": _polygon(((0.5, 0), (0.88, 0.5), (0.5, 1), (0.12, 0.5))),
    "moon": _moon,
    "cross": _polygon(
        (
            *((_THIRD, 0), (1 - _THIRD, 0), (1 - _THIRD, _THIRD), (1, _THIRD)),
            *((1, 1 - _THIRD), (1 - _THIRD, 1 - _THIRD), (1 - _THIRD, 1), (_THIRD, 1)),
            *((_THIRD, 1 - _THIRD), (0, 1 - _THIRD), (0, _THIRD), (_THIRD, _THIRD)),
        )
    ),
    "ring": _ring,
    "hexagon": _polygon(_round(6)),
    "arrow": _polygon(
        ((0, 0.36), (0.52, 0.36), (0.52, 0.1), (1, 0.5), (0.52, 0.9), (0.52, 0.64), (0, 0.64))
    ),
    "cloud": _cloud,
}
