"""Brightness as a plane of numbers, and the local means everything else is made of."""

import numpy
from PIL import Image

from safety.provenance.watermarks.spread.code import Floats

_WEIGHTS = numpy.array([0.299, 0.587, 0.114], dtype=numpy.float32)


def brightness(pixels: Image.Image) -> Floats:
    """Return the brightness of each pixel, 0..255: [height, width]."""
    return numpy.asarray(pixels.convert("RGB"), dtype=numpy.float32) @ _WEIGHTS


def local_mean(plane: Floats, reach: int) -> Floats:
    """Return the mean over a square of `reach` pixels to each side; the edge is repeated."""
    for axis in (0, 1):
        plane = _running_mean(plane, reach, axis=axis, mode="edge")
    return plane


def round_mean(plane: Floats, reach: int) -> Floats:
    """Return the same of a plane whose sides meet, as a spectrum's do."""
    for axis in (0, 1):
        plane = _running_mean(plane, reach, axis=axis, mode="wrap")
    return plane


def _running_mean(plane: Floats, reach: int, *, axis: int, mode: str) -> Floats:
    wide = (reach + 1, reach)
    still = (0, 0)
    padded = numpy.pad(plane, (wide, still) if axis == 0 else (still, wide), mode=mode)  # type: ignore[call-overload]  # one of two known words
    # Sums of a thousand numbers and their differences want more than 24 bits.
    sums = numpy.cumsum(padded, axis=axis, dtype=numpy.float64)
    length = 2 * reach + 1
    if axis == 0:
        means = (sums[length:] - sums[:-length]) / length
    else:
        means = (sums[:, length:] - sums[:, :-length]) / length
    return means.astype(numpy.float32)
