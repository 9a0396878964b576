"""Restyles painted pictures by rule: what the style LoRAs are taught with."""

from collections.abc import Callable
from types import MappingProxyType

import numpy
from PIL import Image, ImageEnhance, ImageFilter

from gpu_worker.starter.edges import find_edges

Restyle = Callable[[numpy.ndarray], numpy.ndarray]

PIXEL = 8  # pixels a side, as wide as a cell of the latent grid: the hard edges survive
_PALETTE = 10
_VIVID, _CONTRAST = 1.25, 1.15
_APART, _DARK = 22, 60  # of 255: a colour that is not the background, and a dark background
_INK = (26, 22, 42)
_CHALK = (236, 236, 236)
_PAPER = (252, 250, 244)
_TINT = 0.22


def to_pixel_art(picture: numpy.ndarray) -> numpy.ndarray:
    """Return few, large, hard pixels with an outline, for a picture [H, W, RGB] of 8 bits."""
    height, width = picture.shape[:2]
    small = Image.fromarray(picture).resize((width // PIXEL, height // PIXEL), Image.Resampling.BOX)
    vivid = ImageEnhance.Color(small).enhance(_VIVID)
    few = vivid.quantize(_PALETTE, Image.Quantize.MEDIANCUT, kmeans=4, dither=Image.Dither.NONE)
    cells = (numpy.asarray(few.convert("RGB"), dtype=numpy.float32) - 128) * _CONTRAST + 128
    background, outside = _find_outside(numpy.asarray(vivid, dtype=numpy.float32))
    cells[_beside(~outside) & outside] = _CHALK if background.mean() < _DARK else _INK
    return cells.clip(0, 255).astype(numpy.uint8).repeat(PIXEL, axis=0).repeat(PIXEL, axis=1)


def to_line_drawing(picture: numpy.ndarray) -> numpy.ndarray:
    """Return outlines in ink over the faintest colours, for a picture [H, W, RGB] of 8 bits."""
    lines = Image.fromarray(find_edges(picture)).filter(ImageFilter.GaussianBlur(0.6))
    ink = numpy.asarray(lines, dtype=numpy.float32)[..., None] / 255
    paper = numpy.array(_PAPER, dtype=numpy.float32)
    tinted = paper + (picture.astype(numpy.float32) - paper) * _TINT
    drawn = tinted + (numpy.array(_INK, dtype=numpy.float32) - tinted) * ink
    return drawn.round().astype(numpy.uint8)


# By the name of the LoRA.
STYLES: MappingProxyType[str, Restyle] = MappingProxyType(
    {"pixel-art": to_pixel_art, "line-drawing": to_line_drawing}
)
# What people call it; the LoRA's captions say so now and then.
STYLE_WORDS: MappingProxyType[str, tuple[str, ...]] = MappingProxyType(
    {
        "pixel-art": ("pixel art", "pixelated", "8 bit"),
        "line-drawing": ("line drawing", "ink drawing", "sketch"),
    }
)


def _find_outside(cells: numpy.ndarray) -> tuple[numpy.ndarray, numpy.ndarray]:
    """Return the background's colour, and which cells of it can be reached from the border."""
    border = numpy.concatenate([cells[0], cells[-1], cells[:, 0], cells[:, -1]])
    background = numpy.median(border, axis=0)
    alike = numpy.abs(cells - background).max(axis=2) <= _APART
    outside = alike.copy()
    outside[1:-1, 1:-1] = False
    while True:
        grown = outside | (_beside(outside) & alike)
        if (grown == outside).all():
            return background, outside
        outside = grown


def _beside(cells: numpy.ndarray) -> numpy.ndarray:
    """Return which cells share a side with one of these."""
    around = numpy.pad(cells, 1)
    sides = (around[:-2, 1:-1], around[2:, 1:-1], around[1:-1, :-2], around[1:-1, 2:])
    beside: numpy.ndarray = sides[0] | sides[1] | sides[2] | sides[3]
    return beside
