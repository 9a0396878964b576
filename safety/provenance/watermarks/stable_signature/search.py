"""Finds at which size, and from where on, the cells of a signed decoder repeat in a picture."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy
from PIL import Image, ImageFilter

from safety.provenance.products import product
from safety.provenance.watermarks.stable_signature.extractor import Floats

_MOST_WAVES: Final = 3  # to a cell's side; a decoder's finer ones do not survive
_SOUGHT_IN_PX: Final = 768
_MOST_LEVELS: Final = 12.0  # of 255: what stands out more is the picture's own
_OF_A_SCALE: Final = 8  # mostly neighbours of the best
_SIZES_ALIKE: Final = 1.4  # of which what is flat can be told by one window


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where cells lie: the size of a drawn pixel, and where a cell begins, in pixels."""

    scale: float
    down: float
    across: float
    likeness: float


def find_places(
    picture: Image.Image, trace: Floats, scales: Sequence[float], *, steps: int, kept: int
) -> list[Place]:
    """Return the likeliest places, a few of a scale; `steps` to a drawn pixel are tried."""
    part, left, top = _middle(picture)
    found: list[Place] = []
    flat_for = 0.0
    for scale in sorted(scales):
        if not flat_for or scale > flat_for * _SIZES_ALIKE:
            reach = scale * _SIZES_ALIKE**0.5 * trace.shape[-1] / 2
            flat, flat_for = _flattened(part, reach), scale
        cell = trace.shape[-1] * scale
        found += [
            Place(
                scale=scale,
                down=(top + down * scale) % cell,
                across=(left + across * scale) % cell,
                likeness=likeness,
            )
            for likeness, down, across in _best_places(flat, trace, scale, steps)
        ]
    return sorted(found, key=lambda place: -place.likeness)[:kept]


def cells_at(picture: Image.Image, place: Place, cell_px: int) -> Floats:
    """Return the whole cells of a picture at the size they were drawn, in -1..1."""
    cell = cell_px * place.scale
    high, wide = (
        int((length - start) / cell + 1e-6)
        for length, start in ((picture.height, place.down), (picture.width, place.across))
    )
    if not (high and wide):
        return numpy.zeros((cell_px, cell_px, 3), dtype=numpy.float32)
    right, bottom = place.across + wide * cell, place.down + high * cell
    box = (
        place.across,
        place.down,
        min(right, float(picture.width)),
        min(bottom, float(picture.height)),
    )
    drawn = picture.resize((wide * cell_px, high * cell_px), Image.Resampling.HAMMING, box=box)
    return numpy.asarray(drawn, dtype=numpy.float32) / 127.5 - 1


def _middle(picture: Image.Image) -> tuple[Image.Image, int, int]:
    left, top = (max(0, (side - _SOUGHT_IN_PX) // 2) for side in picture.size)
    right, bottom = (
        min(side, start + _SOUGHT_IN_PX)
        for side, start in zip(picture.size, (left, top), strict=True)
    )
    return picture.crop((left, top, right, bottom)), left, top


def _flattened(picture: Image.Image, reach_px: float) -> Floats:
    """Return what differs from its surroundings, held to a few levels: [3, height, width]."""
    around = numpy.asarray(picture.filter(ImageFilter.BoxBlur(reach_px)), dtype=numpy.float32)
    differs = numpy.asarray(picture, dtype=numpy.float32) - around
    return numpy.ascontiguousarray(differs.clip(-_MOST_LEVELS, _MOST_LEVELS).transpose(2, 0, 1))


def _best_places(
    flat: Floats, trace: Floats, scale: float, steps: int
) -> list[tuple[float, float, float]]:
    """Return likeness and place, in drawn pixels, where the trace fits what repeats best."""
    cell = trace.shape[-1]
    # Of a real picture's waves half are the other half again.
    high, wide = numpy.arange(_MOST_WAVES + 1), numpy.arange(-_MOST_WAVES, _MOST_WAVES + 1)
    down = _turns(high, _cells_along(flat.shape[1], scale, cell))
    across = _turns(wide, _cells_along(flat.shape[2], scale, cell))
    # Products of real numbers are much faster than one of complex numbers with a real plane.
    both = numpy.concatenate([down.real, down.imag])
    found = numpy.stack([product(both, plane) for plane in flat])
    rows = found[:, : len(down)] + 1j * found[:, len(down) :]
    seen = rows @ across.T / flat[0].size
    own = numpy.arange(cell) / cell
    expected = _turns(high, own) @ trace @ _turns(wide, own).T
    # A picture's own waves are strong where they are long.
    weight = (high[:, None] ** 2 + wide[None, :] ** 2) * numpy.where(high[:, None] > 0, 2, 1)
    fits = (weight * seen * expected.conj()).sum(axis=0)
    places = numpy.arange(cell * steps) / (cell * steps)
    likeness = (_turns(-high, places).T @ fits @ _turns(-wide, places)).real
    best = numpy.argpartition(likeness.ravel(), -_OF_A_SCALE)[-_OF_A_SCALE:]
    power = float((weight * numpy.abs(seen) ** 2).sum()) ** 0.5 + 1e-9
    return [
        (float(likeness.flat[place]) / power, row / steps, column / steps)
        for place in best
        for row, column in [divmod(int(place), cell * steps)]
    ]


def _cells_along(length: int, scale: float, cell: int) -> Floats:
    """Return where the middles of pixels lie, counted in cells."""
    places: Floats = (((numpy.arange(length) + 0.5) / scale - 0.5) / cell).astype(numpy.float32)
    return places


def _turns(counts: numpy.ndarray, places: numpy.ndarray) -> numpy.ndarray:
    """Return waves of so many to a cell at places counted in cells: [waves, places]."""
    waves: numpy.ndarray = numpy.exp(-2j * numpy.pi * counts[:, None] * places[None, :])
    return waves.astype(numpy.complex64)
