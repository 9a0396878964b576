"""Finds the edges in a picture: what the edge ControlNet was taught with, and is to be fed with."""

import numpy
from PIL import Image, ImageFilter

_BLUR = 1.0  # pixels, against the grain of photographs
_FAINT, _CLEAR = 0.035, 0.09  # of the steepest edge there can be
_WIDE = 3  # pixels that a line is wide, so that one cell of the latent grid cannot miss it


def find_edges(picture: numpy.ndarray) -> numpy.ndarray:
    """Return white lines on black [H, W] of 8 bits, for a picture [H, W, RGB] of 8 bits.

    Canny's way (1986): the crest of each slope is kept if it is clear, or if it is faint and leads
    on from a clear one.
    """
    crest = _crests(picture)
    lines = _follow(crest > _CLEAR, crest > _FAINT)
    widened = Image.fromarray(lines.astype(numpy.uint8) * 255).filter(ImageFilter.MaxFilter(_WIDE))
    return numpy.asarray(widened)


def _crests(picture: numpy.ndarray) -> numpy.ndarray:
    """Return how steep the picture is, in 0..1, on the crests of its slopes and 0 elsewhere."""
    blurred = Image.fromarray(picture).filter(ImageFilter.GaussianBlur(_BLUR))
    colours = numpy.pad(
        numpy.asarray(blurred, dtype=numpy.float32) / 255, ((2, 2), (2, 2), (0, 0)), mode="edge"
    )
    across = _slope(colours)
    down = _slope(colours.swapaxes(0, 1)).swapaxes(0, 1)
    strongest = numpy.hypot(across, down).argmax(axis=2)[..., None]
    across = numpy.take_along_axis(across, strongest, axis=2)[..., 0]
    down = numpy.take_along_axis(down, strongest, axis=2)[..., 0]
    steepness = numpy.hypot(across, down)
    height, width = picture.shape[:2]
    middle = steepness[1:-1, 1:-1]
    is_crest = numpy.zeros((height, width), dtype=bool)
    sector = numpy.round(numpy.arctan2(down, across)[1:-1, 1:-1] / (numpy.pi / 4)).astype(int) % 4
    for number, (step_down, step_across) in enumerate(((0, 1), (1, 1), (1, 0), (1, -1))):
        before, after = (
            steepness[1 + way * step_down :, 1 + way * step_across :][:height, :width]
            for way in (-1, 1)
        )
        # On a plateau of two only one counts, or its line would be twice as wide.
        is_crest |= (sector == number) & (middle > before) & (middle >= after)
    return numpy.where(is_crest, middle, 0)


def _slope(colours: numpy.ndarray) -> numpy.ndarray:
    """Return Sobel's slope along the second axis, one pixel less on each side."""
    change = colours[:, 2:] - colours[:, :-2]
    slope: numpy.ndarray = (change[:-2] + 2 * change[1:-1] + change[2:]) / 4
    return slope


def _follow(clear: numpy.ndarray, faint: numpy.ndarray) -> numpy.ndarray:
    """Return the clear points, and the faint ones that a way over faint ones leads to."""
    while True:
        grown = Image.fromarray(clear.astype(numpy.uint8) * 255).filter(ImageFilter.MaxFilter(3))
        reached = (numpy.asarray(grown) > 0) & faint
        if (reached <= clear).all():
            return clear
        clear = clear | reached
