"""Adds the waves to a picture, more where it is busy, at a set cost in the finished 8 bits."""

import math
from typing import Final

import numpy
from PIL import Image

from safety.provenance.watermarks.spread.carriers import Carriers, Complexes
from safety.provenance.watermarks.spread.code import Floats
from safety.provenance.watermarks.spread.planes import brightness, local_mean

TARGET_PSNR_DB: Final = 42.25
_TILE_PX: Final = 128
# Tiles of larger pictures grow along, so that a thumbnail of a poster still shows its waves.
_TILE_GROWS_FROM_PX: Final = 1024
_STEEPNESS: Final = 0.5
_ACTIVITY_REACH: Final = 4
_CORRECTIONS: Final = 3


def tile_px(width: int, height: int) -> float:
    """Return the side of a tile in a picture of this size, in pixels."""
    return _TILE_PX * max(1.0, min(width, height) / _TILE_GROWS_FROM_PX)


def embed(pixels: Image.Image, carriers: Carriers, payload: int) -> Image.Image:
    """Return an RGB picture that carries the payload."""
    before = numpy.asarray(pixels.convert("RGB"), dtype=numpy.float32)
    height, width = before.shape[:2]
    waves = carriers.waves(carriers.signs(payload))
    pattern = _pattern(carriers, waves, width, height) * _visibility(brightness(pixels))
    change = pattern / numpy.sqrt((pattern**2).mean()) * _deviation(TARGET_PSNR_DB)
    for _ in range(_CORRECTIONS):
        after = numpy.clip(numpy.rint(before + change[..., None]), 0, 255)
        error = float(((after - before) ** 2).mean())
        if error <= 0:
            break
        change *= _deviation(TARGET_PSNR_DB) / math.sqrt(error)
    return Image.fromarray(after.astype(numpy.uint8))


def _deviation(psnr_db: float) -> float:
    return 255 * 10 ** (-psnr_db / 20)


def _pattern(carriers: Carriers, waves: Complexes, width: int, height: int) -> Floats:
    """Lay the tile over the whole picture, slower waves a little stronger."""
    side = tile_px(width, height)
    strength = numpy.hypot(carriers.across, carriers.down) ** -_STEEPNESS
    reach = int(carriers.across.max())
    grid = numpy.zeros((2 * reach + 1, reach + 1), dtype=numpy.complex64)
    grid[carriers.down + reach, carriers.across] = waves * strength
    turns = 2j * numpy.pi / side
    downwards = numpy.exp(
        turns * numpy.outer(numpy.arange(height), numpy.arange(-reach, reach + 1))
    )
    sideways = numpy.exp(turns * numpy.outer(numpy.arange(reach + 1), numpy.arange(width)))
    rows = downwards.astype(numpy.complex64) @ grid
    laid: Floats = (rows @ sideways.astype(numpy.complex64)).real
    return laid


def _visibility(plane: Floats) -> Floats:
    """Return how much may be added where: the square root of what goes on around, in bounds."""
    detail = plane - local_mean(plane, _ACTIVITY_REACH)
    activity = numpy.sqrt(local_mean(detail**2, _ACTIVITY_REACH))
    return numpy.clip(numpy.sqrt((activity + 3) / 8), 0.5, 2.0)
