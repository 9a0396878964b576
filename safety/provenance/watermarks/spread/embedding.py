"""Adds the waves to a picture, at a set cost in the finished 8 bits."""

import math
from typing import Final

import numpy
from PIL import Image

from safety.provenance.tail_biting import Floats
from safety.provenance.watermarks.spread.carriers import Carriers, Complexes

TARGET_PSNR_DB: Final = 42.1
TILE_PX: Final = 128
# Tiles of larger pictures grow along, so that a thumbnail of a poster still shows its waves.
_TILE_GROWS_FROM_PX: Final = 1024
_CORRECTIONS: Final = 2


def tile_px(width: int, height: int) -> float:
    """Return the side of a tile in a picture of this size, in pixels."""
    return TILE_PX * max(1.0, min(width, height) / _TILE_GROWS_FROM_PX)


def embed(pixels: Image.Image, carriers: Carriers, payload: int) -> Image.Image:
    """Return an RGB picture that carries the payload."""
    before = numpy.asarray(pixels.convert("RGB"))
    height, width = before.shape[:2]
    waves = carriers.waves(carriers.signs(payload))
    pattern = _pattern(carriers, waves, width, height)
    strength = _deviation(TARGET_PSNR_DB) / float(numpy.sqrt((pattern**2).mean()))
    after = _added(before, strength * pattern)
    for _ in range(_CORRECTIONS):  # for what rounding adds, and white and black swallow
        difference = after.astype(numpy.int16) - before
        error = float(numpy.square(difference, dtype=numpy.int32).mean())
        if error <= 0:
            break
        strength *= _deviation(TARGET_PSNR_DB) / math.sqrt(error)
        after = _added(before, strength * pattern)
    return Image.fromarray(after)


def _added(before: numpy.ndarray, change: Floats) -> numpy.ndarray:
    steps = numpy.rint(change).astype(numpy.int16)[..., None]
    return numpy.clip(before + steps, 0, 255).astype(numpy.uint8)


def _deviation(psnr_db: float) -> float:
    return 255 * 10 ** (-psnr_db / 20)


def _pattern(carriers: Carriers, waves: Complexes, width: int, height: int) -> Floats:
    """Lay the tile over the whole picture."""
    reach = int(carriers.across.max())
    grid = numpy.zeros((2 * reach + 1, reach + 1), dtype=numpy.complex64)
    grid[carriers.down + reach, carriers.across] = waves
    turns = 2j * numpy.pi / tile_px(width, height)
    down = numpy.exp(turns * numpy.outer(numpy.arange(height), numpy.arange(-reach, reach + 1)))
    across = numpy.exp(turns * numpy.outer(numpy.arange(reach + 1), numpy.arange(width)))
    rows = down.astype(numpy.complex64) @ grid
    laid: Floats = (rows @ across.astype(numpy.complex64)).real
    return laid
