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
from safety.provenance.watermarks.spread.planes import brightness, local_mean, round_mean

Doubles = NDArray[numpy.float64]

_LONGEST_SIDE: Final = 1024
_SLOW_REACH: Final = 12
_ACTIVITY_REACH: Final = 6
_STILLNESS: Final = 2.0
_DISTRUST: Final = 0.75  # of busy places: the power of their variance that divides them
_MOST_DEVIATIONS: Final = 3.0
_PADDING: Final = 1.6
_SURROUNDINGS: Final = 12
_MOST_STRENGTH: Final = 2.5


@dataclass(frozen=True, kw_only=True)
class Spectrum:
    """Coefficients of about unit power, phases counted from the picture's middle."""

    coefficients: Complexes  # [frequencies down, frequencies across]
    width: int  # of the picture the spectrum is of, in pixels
    height: int

    def waves(self, carriers: Carriers, tiles_px: Doubles) -> Complexes:
        """Return what stands where the waves of tiles of these sides would be: [tiles, waves]."""
        rows, columns = self.coefficients.shape
        side = tiles_px[:, None]
        down = numpy.rint(carriers.down * rows / side).astype(numpy.int64) % rows
        across = numpy.rint(carriers.across * columns / side).astype(numpy.int64) % columns
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
    raw = numpy.fft.fft2(detail, (rows, columns))
    raw *= numpy.exp(1j * numpy.pi * (height - 1) * numpy.fft.fftfreq(rows))[:, None]
    raw *= numpy.exp(1j * numpy.pi * (width - 1) * numpy.fft.fftfreq(columns))
    around = round_mean((raw.real**2 + raw.imag**2).astype(numpy.float32), _SURROUNDINGS)
    white = raw / numpy.sqrt(around + 1e-9)
    white *= numpy.minimum(1, _MOST_STRENGTH / (numpy.abs(white) + 1e-9))
    return Spectrum(coefficients=white.astype(numpy.complex64), width=width, height=height)


def _reduced(pixels: Image.Image) -> Image.Image:
    longest = max(pixels.size)
    if longest <= _LONGEST_SIDE:
        return pixels
    width, height = (max(1, round(side * _LONGEST_SIDE / longest)) for side in pixels.size)
    return pixels.convert("RGB").resize((width, height), Image.Resampling.LANCZOS)


def _quick_length(least: float) -> int:
    """Return a length, no shorter, that transforms fast."""
    lengths = [part << shift for part in (1, 3, 5, 9, 15) for shift in range(14)]
    return min(length for length in lengths if length >= least)
