"""Fingerprints that tell copies of a picture: PDQ, 256 bits and a quality, as Meta published it.

Two pictures at most `MATCH_DISTANCE` bits apart are copies of one another, if both have a quality
above `QUALITY_FLOOR`. It finds copies only, never new pictures of the same thing.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image

BITS: Final = 256
BYTES: Final = BITS // 8
# The published starting points: at most so far apart is a copy, and no quality up to this counts.
MATCH_DISTANCE: Final = 31
QUALITY_FLOOR: Final = 49

_GRID: Final = 64
_FREQUENCIES: Final = 16
_PASSES: Final = 2
_CROP_SHARES: Final = (0.95, 0.9, 0.85, 0.8, 0.75)
_CROP_PLACES: Final = ((0.5, 0.5), (0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (1.0, 1.0))
# A row of a caption's bar has at least so much of the bar in it, and a picture is not all bars.
_BAR_PLAIN_SHARE: Final = 0.5
_BETWEEN_BARS_LEAST: Final = 0.4
# Levels by which a margin's pixels may differ after a lossy encoding.
_MARGIN_NOISE: Final = 12

_Matrix = NDArray[np.floating]

_LUMA: Final = np.array([0.299, 0.587, 0.114], dtype=np.float32)
_EXACT_UP_TO: Final = 512 * 512


@dataclass(frozen=True)
class Fingerprint:
    """The 32 bytes of a picture's PDQ hash, the highest bit first, and its quality, 0 to 100."""

    bits: bytes
    quality: int

    def __post_init__(self) -> None:
        if len(self.bits) != BYTES:
            raise ValueError(f"a fingerprint has {BYTES} bytes, not {len(self.bits)}")
        if not 0 <= self.quality <= 100:
            raise ValueError(f"a quality is from 0 to 100, not {self.quality}")

    def distance(self, other: "Fingerprint") -> int:
        """Return how many of the 256 bits differ."""
        mine, theirs = int.from_bytes(self.bits), int.from_bytes(other.bits)
        return (mine ^ theirs).bit_count()

    @property
    def is_telling(self) -> bool:
        """Say whether the picture has enough in it for its fingerprint to mean something."""
        return self.quality > QUALITY_FLOOR

    @property
    def hex(self) -> str:
        """The 64 characters in which lists of such hashes write it."""
        return self.bits.hex()


def fingerprint(pixels: Image.Image) -> Fingerprint:
    """Return the fingerprint of a picture of any size and mode."""
    grid = _grid(pixels)
    return Fingerprint(_bits(_frequencies(grid)), _quality(grid))


def dihedrals(pixels: Image.Image) -> tuple[Fingerprint, ...]:
    """Return the fingerprints of a picture turned and mirrored all eight ways, itself first."""
    grids = list(_turned(_luma(pixels)))
    quality = _quality(grids[0])
    return tuple(Fingerprint(_bits(_frequencies(grid)), quality) for grid in grids)


def crops(pixels: Image.Image) -> Iterator[Image.Image]:
    """Cut overlapping parts out of a picture: what margins and bars enclose, then 25 by measure.

    A picture that has been set into a larger one is found by one of them, and so is one that was
    listed after it was cut out of this. The 25 are 95 to 75 % of each side, at the corners and in
    the middle: a hash bears some 2 % more or less.
    """
    inner = _without_margin(pixels)
    if inner is not None:
        yield inner
    yield from _without_bars(pixels)
    width, height = pixels.size
    for share in _CROP_SHARES:
        across, down = max(1, round(width * share)), max(1, round(height * share))
        for x, y in _CROP_PLACES:
            left, top = round((width - across) * x), round((height - down) * y)
            yield pixels.crop((left, top, left + across, top + down))


def _without_bars(pixels: Image.Image) -> Iterator[Image.Image]:
    """Yield what lies above a bar at the foot, below one at the head, and between both.

    A bar is mostly of one colour, and may have a caption on it.
    """
    levels = np.asarray(pixels.convert("L"), dtype=np.int16)
    head, foot = _bar(levels), _bar(levels[::-1])
    height = len(levels)
    boxes = {(0, height - foot), (head, height), (head, height - foot)} - {(0, height)}
    for top, bottom in sorted(boxes):
        if bottom - top >= height * _BETWEEN_BARS_LEAST:
            yield pixels.crop((0, top, pixels.width, bottom))


def _bar(levels: NDArray[np.int16]) -> int:
    """Return how many of the first rows are mostly of the colour of the first one."""
    plain = np.abs(levels - np.median(levels[0])) <= _MARGIN_NOISE
    is_bar = plain.mean(axis=1) >= _BAR_PLAIN_SHARE
    return len(is_bar) if is_bar.all() else int(np.argmin(is_bar))


def _without_margin(pixels: Image.Image) -> Image.Image | None:
    """Return what lies within a margin of one colour; None if there is no such margin."""
    plain = pixels.convert("L")
    edge = plain.getpixel((0, 0))
    if not isinstance(edge, int | float):
        return None
    inside = plain.point([255 if abs(level - edge) > _MARGIN_NOISE else 0 for level in range(256)])
    box = inside.getbbox()
    if box is None or box == (0, 0, *pixels.size):
        return None
    return pixels.crop(box)


def _grid(pixels: Image.Image) -> _Matrix:
    """Return the brightness of a picture, smoothed and brought down to 64 by 64 places."""
    luma = _luma(pixels)
    height, width = luma.shape
    return _smoothing(height) @ luma @ _smoothing(width).T


def _luma(pixels: Image.Image) -> _Matrix:
    """Return brightness, 0 to 255; in a large picture rounding is averaged away, and is faster."""
    if pixels.width * pixels.height > _EXACT_UP_TO:
        return np.asarray(pixels.convert("RGB").convert("L"), dtype=np.float32)
    return np.asarray(pixels.convert("RGB"), dtype=np.float32) @ _LUMA


@lru_cache(maxsize=64)
def _smoothing(length: int) -> _Matrix:
    """Return what takes a line of `length` values to 64: two sliding means, then every n-th value.

    Both are linear, so they are one matrix; a mean at the end of the line takes what there is.
    """
    window = -(-length // (2 * _GRID))
    places = ((np.arange(_GRID) + 0.5) * length / _GRID).astype(int)
    weights = np.zeros((_GRID, length), dtype=np.float64)
    weights[np.arange(_GRID), places] = 1.0
    for _ in range(_PASSES):
        weights = _spread(weights, window)
    return weights.astype(np.float32)


def _spread(weights: NDArray[np.float64], window: int) -> NDArray[np.float64]:
    """Take weights over the values of a sliding mean to weights over what it is the mean of."""
    length = weights.shape[1]
    ahead = (window + 2) // 2 - 1
    spread = np.zeros_like(weights)
    for row in range(weights.shape[0]):
        for place in np.flatnonzero(weights[row]):
            begin, end = max(0, place + ahead - window + 1), min(length, place + ahead + 1)
            spread[row, begin:end] += weights[row, place] / (end - begin)
    return spread


def _quality(grid: _Matrix) -> int:
    """Return how much goes on in a picture: the sum of its steps, scaled to 0 to 100."""
    steps = [np.trunc(np.diff(grid, axis=axis) * (100 / 255)) for axis in (0, 1)]
    return min(100, int(sum(float(np.abs(step).sum()) for step in steps) / 90))


@lru_cache(maxsize=1)
def _cosines() -> _Matrix:
    frequencies = np.arange(1, _FREQUENCIES + 1)[:, None]
    places = 2 * np.arange(_GRID)[None, :] + 1
    cosines: NDArray[np.float64] = np.cos(np.pi / (2 * _GRID) * frequencies * places)
    cosines *= np.sqrt(2 / _GRID)
    return cosines.astype(np.float32)


def _frequencies(grid: _Matrix) -> _Matrix:
    """Return the lowest 16 by 16 frequencies but the constant ones."""
    return _cosines() @ grid @ _cosines().T


def _bits(frequencies: _Matrix) -> bytes:
    """Return which frequencies are above the middle one; the first is the lowest bit."""
    flat = frequencies.ravel()
    middle = np.partition(flat, flat.size // 2 - 1)[flat.size // 2 - 1]
    return np.packbits((flat > middle)[::-1]).tobytes()


def _turned(luma: _Matrix) -> Iterator[_Matrix]:
    """Yield the grids of a picture as it is, mirrored, and either laid on its side.

    A mirrored picture's is not this one's mirrored: the 64 places lie askew by up to a pixel.
    """
    height, width = luma.shape
    down, across = _smoothing(height), _smoothing(width)
    both = np.concatenate([down, down[:, ::-1]]) @ luma
    for rows in (both[:_GRID], both[_GRID:]):
        for columns in (across, across[:, ::-1]):
            grid = rows @ columns.T
            yield grid
            yield grid.T
