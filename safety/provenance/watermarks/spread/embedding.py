"""Adds the waves to a picture, at a set cost in the finished 8 bits.

The picture is known here, so the mark goes where it is read: the tile begins where the picture
itself agrees best with what is to be said, levels that a brighter copy would turn into plain white
carry little, dense texture carries most where it is quietest, and each colour changes by its share
of brightness, the only thing that is read.
"""

import math
from typing import Final

import numpy
from numpy.typing import NDArray
from PIL import Image

from safety.provenance.products import product
from safety.provenance.tail_biting import Floats
from safety.provenance.watermarks.spread.carriers import Carriers, Complexes
from safety.provenance.watermarks.spread.places import likeness, moved
from safety.provenance.watermarks.spread.planes import BRIGHTNESS_OF_RGB, brightness, local_mean
from safety.provenance.watermarks.spread.spectrum import spectrum_of

TARGET_PSNR_DB: Final = 42.1
TILE_PX: Final = 128
# Tiles of larger pictures grow along, so that a thumbnail of a poster still shows its waves.
_TILE_GROWS_FROM_PX: Final = 1024
_LONGEST_SIDE_PX: Final = 512  # enough to see which place is best
_SLOW_REACH: Final = 5
_PLACES: Final = 96
_CORRECTIONS: Final = 2
_ROWS_AT_ONCE: Final = 32
_MEASURED_ROWS: Final = 3  # one in so many; what is drawn seldom repeats with it

# A level above it is white after +30 %; how softly the change sets in.
_HIGHEST_SAFE_LEVEL: Final = 190.0
_SOFTNESS: Final = 12.0
_PREFERENCE: Final = 3.0  # safe levels change so many times as much as others

# The power of a quiet place's variance by which it is preferred, in pictures of dense texture.
_MOST_QUIETNESS: Final = 0.25
_DENSE_VARIANCE: Final = 19.0  # of the quietest quarter
_LEAST_SHARE: Final = 0.1
_DETAIL_REACH: Final = 5
_ACTIVITY_REACH: Final = 3
_STILLNESS: Final = 2.0


def tile_px(width: int, height: int) -> float:
    """Return the side of a tile in a picture of this size, in pixels."""
    return TILE_PX * max(1.0, min(width, height) / _TILE_GROWS_FROM_PX)


def embed(pixels: Image.Image, carriers: Carriers, payload: int) -> Image.Image:
    """Return an RGB picture that carries the payload."""
    pixels = pixels.convert("RGB")
    before = numpy.asarray(pixels)
    waves = _placed(pixels, carriers, carriers.waves(carriers.signs(payload)))
    pattern = _pattern(carriers, waves, *pixels.size) * _quietness(brightness(pixels))
    measured = before[::_MEASURED_ROWS]
    willing = _willingness() * BRIGHTNESS_OF_RGB
    planes = [
        willing[measured[..., colour], colour] * pattern[::_MEASURED_ROWS]
        for colour in range(measured.shape[-1])
    ]
    strength = _strength(measured, numpy.stack(planes, axis=-1))
    return Image.fromarray(_changed(before, pattern, willing, strength))


def _changed(
    before: NDArray[numpy.uint8], pattern: Floats, willing: Floats, strength: float
) -> NDArray[numpy.uint8]:
    """Return the levels, each changed by the pattern as far as it is willing: [256, colours]."""
    after = numpy.empty_like(before)
    # A few rows of one colour at a time stay in a processor's own memory.
    for top in range(0, len(before), _ROWS_AT_ONCE):
        rows = slice(top, top + _ROWS_AT_ONCE)
        for colour in range(before.shape[-1]):
            levels = before[rows, :, colour]
            change = willing[:, colour].take(levels)
            change *= pattern[rows]
            change *= strength
            after[rows, :, colour] = _added(levels, change)
    return after


def _placed(pixels: Image.Image, carriers: Carriers, waves: Complexes) -> Complexes:
    """Return the waves, counted from the first pixel, begun where the picture is most like them."""
    spectrum = spectrum_of(pixels, longest_px=_LONGEST_SIDE_PX, slow_reach=_SLOW_REACH)
    tile = tile_px(*pixels.size)
    found = spectrum.waves(carriers, numpy.array([tile * spectrum.reduced_to]))
    fit = likeness(found * waves.conj(), carriers, _PLACES)[0]
    down, across = numpy.unravel_index(int(fit.argmax()), fit.shape)
    from_middle_down, from_middle_across = (
        (side - 1) / (2 * tile) + int(place) / _PLACES
        for side, place in zip(reversed(pixels.size), (down, across), strict=True)
    )
    return moved(waves, carriers, -from_middle_down, -from_middle_across)


def _willingness() -> Floats:
    """Return how much each level changes: [256, 1]."""
    levels = numpy.arange(256, dtype=numpy.float32)[:, None]
    safe = 1 / (1 + numpy.exp((levels - _HIGHEST_SAFE_LEVEL) / _SOFTNESS))
    willing: Floats = ((1 + (_PREFERENCE - 1) * safe) / _PREFERENCE).astype(numpy.float32)
    return willing


def _quietness(plane: Floats) -> Floats:
    """Return how much each place [height, width] is preferred for being quiet; [1] if all are."""
    detail = plane - local_mean(plane, _DETAIL_REACH)
    variance = local_mean(detail**2, _ACTIVITY_REACH)
    quarter = float(numpy.percentile(variance[::_MEASURED_ROWS, ::_MEASURED_ROWS], 25))
    share = min(1.0, math.log1p(quarter) / math.log1p(_DENSE_VARIANCE))
    if share < _LEAST_SHARE:
        return numpy.ones(1, dtype=numpy.float32)
    preferred: Floats = (variance + _STILLNESS) ** numpy.float32(-_MOST_QUIETNESS * share)
    return preferred


def _strength(before: NDArray[numpy.uint8], change: Floats) -> float:
    """Return what to multiply a change by for the set cost."""
    deviation = 255 * 10 ** (-TARGET_PSNR_DB / 20)
    strength = deviation / math.sqrt(float(numpy.square(change).mean()))
    for _ in range(_CORRECTIONS):  # for what rounding adds, and white and black swallow
        difference = _added(before, strength * change).astype(numpy.int16) - before
        error = float(numpy.square(difference, dtype=numpy.int32).mean())
        if error <= 0:
            break
        strength *= deviation / math.sqrt(error)
    return strength


def _added(before: NDArray[numpy.uint8], change: Floats) -> NDArray[numpy.uint8]:
    levels = numpy.rint(change + before)
    added: NDArray[numpy.uint8] = numpy.clip(levels, 0, 255, out=levels).astype(numpy.uint8)
    return added


def _pattern(carriers: Carriers, waves: Complexes, width: int, height: int) -> Floats:
    """Lay the tile over the whole picture."""
    reach = int(carriers.across.max())
    grid = numpy.zeros((2 * reach + 1, reach + 1), dtype=numpy.complex64)
    grid[carriers.down + reach, carriers.across] = waves
    turns = 2j * numpy.pi / tile_px(width, height)
    down = numpy.exp(turns * numpy.outer(numpy.arange(height), numpy.arange(-reach, reach + 1)))
    across = numpy.exp(turns * numpy.outer(numpy.arange(reach + 1), numpy.arange(width)))
    rows = product(down.astype(numpy.complex64), grid)
    across = across.astype(numpy.complex64)
    laid: Floats = product(rows.real, across.real)
    laid -= product(rows.imag, across.imag)
    return laid
