"""A picture's spectrum with the picture taken out as far as can be: what was drawn is whitened.

First in space (flat places count, busy ones hardly), then in frequency (each coefficient against
its surroundings); a wave of the mark stands out of both.
"""

from dataclasses import dataclass
from typing import Final

import numpy
from numpy.typing import NDArray
from PIL import Image

from safety.provenance.watermarks.spread.carriers import Carriers, Complexes
from safety.provenance.watermarks.spread.planes import brightness, local_mean

Doubles = NDArray[numpy.float64]

_LONGEST_SIDE: Final = 768
_SLOW_REACH: Final = 5
_ACTIVITY_REACH: Final = 3
_STILLNESS: Final = 2.0
_DISTRUST: Final = 0.75  # of busy places: the power of their variance that divides them
_MOST_DEVIATIONS: Final = 3.0
_PADDING: Final = 1.6
_SURROUNDINGS: Final = 12
_MOST_STRENGTH: Final = 2.5


@dataclass(frozen=True, kw_only=True)
class Spectrum:
    """Coefficients of about unit power, phases counted from the picture's middle."""

    coefficients: Complexes  # [frequencies down, frequencies across from 0]
    columns: int  # frequencies across, those below 0 included
    width: int  # of the picture the spectrum is of, in pixels
    height: int
    reduced_to: float  # of the picture's own size

    def waves(self, carriers: Carriers, tiles_px: Doubles) -> Complexes:
        """Return what stands where the waves of tiles of these sides would be: [tiles, waves]."""
        rows = len(self.coefficients)
        side = tiles_px[:, None]
        down = numpy.rint(carriers.down * rows / side).astype(numpy.int64) % rows
        across = numpy.rint(carriers.across * self.columns / side).astype(numpy.int64)
        found: Complexes = self.coefficients[down, across]
        return found


def spectrum_of(pixels: Image.Image) -> Spectrum:
    """Return a picture's whitened spectrum; larger pictures are looked at reduced."""
    plane = brightness(_reduced(pixels))
    height, width = plane.shape
    detail = plane - local_mean(plane, _SLOW_REACH)
    variance = local_mean(detail**2, _ACTIVITY_REACH)
    detail = detail / (variance + _STILLNESS) ** _DISTRUST
    most = _MOST_DEVIATIONS * float(detail.std())
    detail = numpy.clip(detail, -most, most)
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
        reduced_to=width / pixels.width,
    )


def _reduced(pixels: Image.Image) -> Image.Image:
    longest = max(pixels.size)
    if longest <= _LONGEST_SIDE:
        return pixels
    width, height = (max(1, round(side * _LONGEST_SIDE / longest)) for side in pixels.size)
    return pixels.convert("RGB").resize((width, height), Image.Resampling.BICUBIC)


def _quick_length(least: float) -> int:
    """Return a length, no shorter, that transforms fast."""
    lengths = [part << shift for part in (1, 3, 5, 9, 15) for shift in range(14)]
    return min(length for length in lengths if length >= least)
