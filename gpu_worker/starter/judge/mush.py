"""Spoils pictures until nobody could say what they show, in the ways that generators fail."""

from collections.abc import Callable
from random import Random

import numpy
from PIL import Image

_Spoiler = Callable[[numpy.ndarray, numpy.ndarray, Random], numpy.ndarray]


def spoil(picture: numpy.ndarray, other: numpy.ndarray, random: Random) -> numpy.ndarray:
    """Return a square picture beyond recognition, with help of another on the same ground."""
    return random.choice(_SPOILERS)(picture, other, random)


def _melt(picture: numpy.ndarray, other: numpy.ndarray, random: Random) -> numpy.ndarray:
    """Leave a blob of about the right colours."""
    del other
    return _blurred(picture, random.randint(4, 5))


def _blurred(picture: numpy.ndarray, cells: int) -> numpy.ndarray:
    few = Image.fromarray(picture).resize((cells, cells), Image.Resampling.BOX)
    return numpy.asarray(few.resize(picture.shape[1::-1], Image.Resampling.BICUBIC))


def _shuffle(picture: numpy.ndarray, other: numpy.ndarray, random: Random) -> numpy.ndarray:
    """Exchange the parts of the figure, which a look at textures alone would forgive."""
    del other
    side = picture.shape[0]
    cells = random.choice((3, 4))
    edge = side // 12
    size = (side - 2 * edge) // cells
    starts = [
        (edge + row * size, edge + column * size) for row in range(cells) for column in range(cells)
    ]
    shuffled = picture.copy()
    for (top, left), (from_top, from_left) in zip(
        starts, random.sample(starts, len(starts)), strict=True
    ):
        shuffled[top : top + size, left : left + size] = picture[
            from_top : from_top + size, from_left : from_left + size
        ]
    return _blurred(shuffled, random.randint(side // 4, side))


def _warp(picture: numpy.ndarray, other: numpy.ndarray, random: Random) -> numpy.ndarray:
    """Pull every outline out of shape."""
    del other
    side = picture.shape[0]
    reach = side * random.uniform(0.22, 0.32)
    rows, columns = (
        numpy.clip(numpy.round(places + _waves(side, random) * reach), 0, side - 1).astype(int)
        for places in numpy.mgrid[:side, :side]
    )
    return _blurred(picture[rows, columns], random.randint(side // 3, side))


def _waves(side: int, random: Random) -> numpy.ndarray:
    """Return a smooth field [side, side] of about -1..1."""
    cells = random.choice((4, 5, 6))
    coarse = numpy.array(
        [[random.gauss(0, 1) for _ in range(cells)] for _ in range(cells)], numpy.float32
    )
    smooth = Image.fromarray(coarse).resize((side, side), Image.Resampling.BICUBIC)
    return numpy.asarray(smooth)


def _blend(picture: numpy.ndarray, other: numpy.ndarray, random: Random) -> numpy.ndarray:
    """Show two things through each other."""
    share = random.uniform(0.42, 0.58)
    mixed = picture * share + other * (1 - share)
    return _blurred(mixed.astype(numpy.uint8), random.randint(picture.shape[0] // 4, 64))


def _fog(picture: numpy.ndarray, other: numpy.ndarray, random: Random) -> numpy.ndarray:
    """Fill a soft cloud of any outline with the colours of two things."""
    side = picture.shape[0]
    ground = picture[1, 1].astype(numpy.float32)
    colours = numpy.where(
        _waves(side, random)[..., None] > 0, _blurred(picture, 5), _blurred(other, 5)
    )
    away = numpy.hypot(*(numpy.mgrid[:side, :side] / (side - 1) * 2 - 1))
    cover = numpy.clip((0.85 - away + 0.25 * _waves(side, random)) * 4, 0, 1)[..., None]
    clouded = (ground + (colours - ground) * cover).round().clip(0, 255)
    return numpy.asarray(clouded, dtype=numpy.uint8)


def _clear(picture: numpy.ndarray, other: numpy.ndarray, random: Random) -> numpy.ndarray:
    """Leave the ground alone."""
    del other, random
    return numpy.broadcast_to(picture[1, 1], picture.shape).copy()


_SPOILERS: tuple[_Spoiler, ...] = (
    *(_melt, _melt, _shuffle, _shuffle),
    *(_warp, _warp, _blend, _fog, _fog, _clear),
)
