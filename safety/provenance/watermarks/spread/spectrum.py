"""A picture's spectrum with the picture taken out as far as can be: what was drawn is whitened.

First in space (flat places count, busy ones hardly), then in frequency (each coefficient against
its surroundings); a wave of the mark stands out of both. White around dark things says nothing and
is left out: what remains are the dark things, compared with each other.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

import numpy
from numpy.typing import NDArray
from PIL import Image

from safety.provenance.tail_biting import Floats
from safety.provenance.watermarks.spread.carriers import Carriers, Complexes, Integers
from safety.provenance.watermarks.spread.planes import brightness, local_mean

Doubles = NDArray[numpy.float64]

_LONGEST_SIDE: Final = 768
_LONGEST_SIDE_OF_INK: Final = 1024
_STILLNESS: Final = 2.0
_MOST_DEVIATIONS: Final = 3.0
_PADDING: Final = 1.6
_SURROUNDINGS: Final = 12
_MOST_STRENGTH: Final = 2.5
_SLOW_REACH: Final = 3
_SLOW_REACH_OF_INK: Final = 5
_ACTIVITY_REACH: Final = 3
_BUSY: Final = 30.0  # variance of surroundings in which what is too light is left out
_WHITE: Final = 252.0
_LIGHT: Final = 240.0
_MUCH_LIGHT: Final = 0.25  # of the picture
_INK_PERCENTILE: Final = 15  # of what is not light
_INK_LEVELS: Final = 35.0
_DISTRUST: Final = 0.75  # of busy places: the power of their variance that divides them
_DISTRUST_OF_INK: Final = 0.5
LOOKS: Final = 2


@dataclass(frozen=True, kw_only=True)
class Spectrum:
    """Coefficients of about unit power, phases counted from the picture's middle."""

    coefficients: Complexes  # [frequencies down, frequencies across from 0]
    columns: int  # frequencies across, those below 0 included
    width: int  # of the picture the spectrum is of, in pixels
    height: int
    reduced_to: float  # of the picture's own size
    looks: int = 1  # which the picture is worth, this one among them

    def waves(self, carriers: Carriers, tiles_px: Doubles) -> Complexes:
        """Return what stands where the waves of tiles of these sides would be: [tiles, waves]."""
        rows = len(self.coefficients)
        side = tiles_px[:, None]
        down = numpy.rint(carriers.down * rows / side).astype(numpy.int64) % rows
        across = numpy.rint(carriers.across * self.columns / side).astype(numpy.int64)
        found: Complexes = self.coefficients[down, across]
        return found

    def waves_between(self, carriers: Carriers, tiles_px: Doubles) -> Complexes:
        """Return the same more exactly, mixed from the four coefficients around each wave.

        What knows nothing of the waves is of the same power in a mixture.
        """
        rows, last = len(self.coefficients), self.coefficients.shape[1] - 1
        side = tiles_px[:, None]
        down, above, below = _around(carriers.down * rows / side, self.height / rows)
        across, left, right = _around(
            carriers.across * self.columns / side, self.width / self.columns
        )
        upper, lower, next_across = down % rows, (down + 1) % rows, numpy.minimum(across + 1, last)
        mixed = above * left * self.coefficients[upper, across]
        mixed += above * right * self.coefficients[upper, next_across]
        mixed += below * left * self.coefficients[lower, across]
        mixed += below * right * self.coefficients[lower, next_across]
        return mixed


def spectrum_of(
    pixels: Image.Image, *, longest_px: int = _LONGEST_SIDE, slow_reach: int = _SLOW_REACH
) -> Spectrum:
    """Return a picture's whitened spectrum; pictures with a longer side are looked at reduced.

    What is the same over `slow_reach` pixels to each side is taken out first.
    """
    plane = brightness(_reduced(pixels, longest_px))
    detail = _whitened(plane, darker_than=_WHITE, distrust=_DISTRUST, slow_reach=slow_reach)
    return _spectrum(detail, plane.shape[1] / pixels.width)


def spectra_of(pixels: Image.Image) -> Iterator[Spectrum]:
    """Yield the spectra worth reading, the likeliest first: one, or `LOOKS` of a light picture."""
    is_light = bool((brightness(pixels) >= _LIGHT).mean() > _MUCH_LIGHT)
    looks = LOOKS if is_light else 1
    yield replace(spectrum_of(pixels), looks=looks)
    if is_light:
        yield replace(_spectrum_of_ink(pixels), looks=looks)


def _spectrum_of_ink(pixels: Image.Image) -> Spectrum:
    """Return the spectrum of the darkest things on a light page.

    Most of what is not light is the same ink: soft edges aside, only the mark makes one stroke
    darker than the next.
    """
    plane = brightness(_reduced(pixels, _LONGEST_SIDE_OF_INK))
    dark = plane[plane < _LIGHT]
    ink = float(numpy.percentile(dark, _INK_PERCENTILE)) if dark.size else 0.0
    detail = _whitened(
        plane,
        darker_than=ink + _INK_LEVELS,
        distrust=_DISTRUST_OF_INK,
        slow_reach=_SLOW_REACH_OF_INK,
    )
    return _spectrum(detail, plane.shape[1] / pixels.width)


def _around(places: Doubles, own: float) -> tuple[Integers, Floats, Floats]:
    """Return the coefficients before frequencies, and the shares of these and the next ones.

    `own` is how much of a picture's own resolution a step is, less than one as pictures are padded:
    neighbours know of each other, and of a wave between them each its part.
    """
    before = numpy.floor(places)
    beyond = places - before
    first, second, alike = (
        numpy.sinc(own * beyond),
        numpy.sinc(own * (1 - beyond)),
        numpy.sinc(own),
    )
    share, next_share = first - alike * second, second - alike * first
    power = numpy.sqrt(share**2 + next_share**2 + 2 * alike * share * next_share)
    return (
        before.astype(numpy.int64),
        (share / power).astype(numpy.float32),
        (next_share / power).astype(numpy.float32),
    )


def _whitened(plane: Floats, *, darker_than: float, distrust: float, slow_reach: int) -> Floats:
    """Return what differs from its surroundings, the less of it the busier they are.

    In busy surroundings only what is darker than a level is there at all.
    """
    detail = plane - local_mean(plane, slow_reach)
    variance = local_mean(detail**2, _ACTIVITY_REACH)
    is_void = (plane >= darker_than) & (variance > _BUSY)
    if is_void.any():
        counts = (~is_void).astype(numpy.float32)
        around = local_mean(counts, slow_reach) + 1e-4
        detail = (plane - local_mean(plane * counts, slow_reach) / around) * counts
        nearby = local_mean(counts, _ACTIVITY_REACH) + 0.05
        variance = local_mean(detail**2, _ACTIVITY_REACH) / nearby
    detail /= (variance + _STILLNESS) ** distrust
    most = _MOST_DEVIATIONS * float(detail.std())
    clipped: Floats = numpy.clip(detail, -most, most)
    return clipped


def _spectrum(detail: Floats, reduced_to: float) -> Spectrum:
    height, width = detail.shape
    rows, columns = _quick_length(height * _PADDING), _quick_length(width * _PADDING)
    raw = numpy.fft.rfft2(detail, (rows, columns)).astype(numpy.complex64)
    turns_down = numpy.exp(1j * numpy.pi * (height - 1) * numpy.fft.fftfreq(rows))
    turns_across = numpy.exp(1j * numpy.pi * (width - 1) * numpy.fft.rfftfreq(columns))
    raw *= turns_down.astype(numpy.complex64)[:, None]
    raw *= turns_across.astype(numpy.complex64)
    power = raw.real**2 + raw.imag**2
    around = local_mean(power, _SURROUNDINGS) + 1e-9
    # Nothing in a picture is much stronger than its surroundings but what was drawn.
    scale = numpy.sqrt(numpy.minimum(1, _MOST_STRENGTH**2 * around / (power + 1e-9)) / around)
    return Spectrum(
        coefficients=raw * scale,
        columns=columns,
        width=width,
        height=height,
        reduced_to=reduced_to,
    )


def _reduced(pixels: Image.Image, longest_px: int) -> Image.Image:
    longest = max(pixels.size)
    if longest <= longest_px:
        return pixels
    width, height = (max(1, round(side * longest_px / longest)) for side in pixels.size)
    return pixels.convert("RGB").resize((width, height), Image.Resampling.BICUBIC)


def _quick_length(least: float) -> int:
    """Return a length, no shorter, that transforms fast."""
    lengths = [part << shift for part in (1, 3, 5, 9, 15) for shift in range(14)]
    return min(length for length in lengths if length >= least)
