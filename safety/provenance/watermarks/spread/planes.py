"""Brightness as a plane of numbers, and the local means everything else is made of."""

from typing import Final

import numpy
from PIL import Image

from safety.provenance.tail_biting import Floats

_ROWS_AT_ONCE: Final = 48

BRIGHTNESS_OF_RGB = numpy.array([0.299, 0.587, 0.114], dtype=numpy.float32)


def brightness(pixels: Image.Image) -> Floats:
    """Return the brightness of each pixel, 0..255: [height, width]."""
    return numpy.asarray(pixels.convert("RGB"), dtype=numpy.float32) @ BRIGHTNESS_OF_RGB


def local_mean(plane: Floats, reach: int) -> Floats:
    """Return the mean over a square of `reach` pixels to each side; the edge is repeated."""
    means = numpy.empty_like(plane)
    padded = numpy.pad(plane, reach, mode="edge")
    width, count = plane.shape[1], 2 * reach + 1
    # Rows added to rows are ten times faster than running sums down the columns, and some rows at
    # a time, which stay in a processor's own memory, twice as fast again.
    for top in range(0, len(plane), _ROWS_AT_ONCE):
        some = means[top : top + _ROWS_AT_ONCE]
        total = padded[top : top + len(some)].copy()
        for start in range(top + 1, top + count):
            total += padded[start : start + len(some)]
        some[:] = total[:, :width]
        for start in range(1, count):
            some += total[:, start : start + width]
        some /= count**2
    return means
