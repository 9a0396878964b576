"""Finds scale and place of a mark, reads it, and says how likely chance is as good.

Scale first: the waves' power, whatever their phases, at hundreds of tile sizes. Then place: the
pilots' phases, at once for all places of a tile. The few best are decoded, and the one that agrees
best with a payload is the reading. The p-value counts every scale, place and payload there was.
"""

from dataclasses import dataclass
from typing import Final

import numpy

from safety.provenance.watermark import (
    MOST_FALSE_ALARMS,
    PAYLOAD_BITS,
    WatermarkReading,
    chance_of,
    nothing_seen,
)
from safety.provenance.watermarks.spread.carriers import Carriers, Complexes
from safety.provenance.watermarks.spread.code import Floats
from safety.provenance.watermarks.spread.spectrum import Doubles, Spectrum

_SMALLEST_TILE_PX: Final = 32.0
_LARGEST_TILE_PX: Final = 300.0
_LARGEST_TILE: Final = 1.6  # of the picture's shorter side
# Of a turn of the fastest wave across the picture: how far a scale may miss.
_SCALE_STEP: Final = 0.35
_FINE_STEPS: Final = (-1.0, -0.5, 0.0, 0.5, 1.0)
_SCALES_KEPT: Final = 8
_PLACES_KEPT: Final = 8
_PLACES: Final = 128  # of a tile, to each side
_AT_ONCE: Final = 256


@dataclass(frozen=True, kw_only=True)
class _Candidate:
    likeness: float
    waves: Complexes  # moved so that the tile begins where it should


def read(spectrum: Spectrum, carriers: Carriers) -> WatermarkReading:
    """Return the best reading of a spectrum."""
    scales = _scales(spectrum)
    if not len(scales):
        return nothing_seen(carriers.bits)
    likely = _likely_scales(spectrum, carriers, scales)
    candidates = [_place(waves, carriers) for waves in spectrum.waves(carriers, likely)]
    candidates.sort(key=lambda candidate: -candidate.likeness)
    waves = numpy.stack([candidate.waves for candidate in candidates[:_PLACES_KEPT]])
    matched, payload = _best(carriers.soft_signs(waves), carriers)
    tried = len(scales) * len(_FINE_STEPS) * _PLACES**2 * 2**PAYLOAD_BITS
    p_value = chance_of(matched, carriers.bits, candidates=tried)
    is_present = p_value <= MOST_FALSE_ALARMS
    return WatermarkReading(
        is_present=is_present,
        payload=payload if is_present else None,
        p_value=p_value,
        bits_matched=matched,
        bits=carriers.bits,
    )


def _scales(spectrum: Spectrum) -> Doubles:
    """Return the tile sizes worth a look, in steps that follow the spectrum's resolution."""
    longest = max(spectrum.width, spectrum.height)
    largest = min(_LARGEST_TILE_PX, _LARGEST_TILE * min(spectrum.width, spectrum.height))
    sizes = []
    size = _SMALLEST_TILE_PX
    while size < largest:
        sizes.append(size)
        size += _step(size, longest)
    return numpy.array(sizes)


def _step(size: float, longest: int) -> float:
    return _SCALE_STEP * size * size / (15.5 * longest)


def _likely_scales(spectrum: Spectrum, carriers: Carriers, scales: Doubles) -> Doubles:
    """Return the tile sizes at which the waves are strongest, and sizes just beside them."""
    power = numpy.concatenate(
        [
            (numpy.abs(spectrum.waves(carriers, scales[start : start + _AT_ONCE])) ** 2).sum(axis=1)
            for start in range(0, len(scales), _AT_ONCE)
        ]
    )
    kept: list[int] = []
    for index in numpy.argsort(-power, kind="stable"):
        if all(abs(int(index) - other) > 2 for other in kept):
            kept.append(int(index))
        if len(kept) == _SCALES_KEPT:
            break
    longest = max(spectrum.width, spectrum.height)
    fine = [
        scales[index] + step * _step(scales[index], longest)
        for index in kept
        for step in _FINE_STEPS
    ]
    return numpy.array(fine)


def _place(waves: Complexes, carriers: Carriers) -> _Candidate:
    """Find where in its tile the picture's middle lies, by the pilots."""
    pilots = slice(0, carriers.pilots)
    plain = carriers.waves(numpy.ones(carriers.bits, dtype=numpy.float32))
    grid = numpy.zeros((_PLACES, _PLACES), dtype=numpy.complex64)
    grid[carriers.down[pilots] % _PLACES, carriers.across[pilots]] = (
        waves[pilots] * plain[pilots].conj()
    )
    likeness = numpy.fft.ifft2(grid).real
    down, across = numpy.unravel_index(int(likeness.argmax()), likeness.shape)
    turns = (carriers.down * int(down) + carriers.across * int(across)) / _PLACES
    moved = waves * numpy.exp(2j * numpy.pi * turns)
    return _Candidate(likeness=float(likeness[down, across]), waves=moved.astype(numpy.complex64))


def _best(soft: Floats, carriers: Carriers) -> tuple[int, int]:
    """Return how many signs agree with the best payload of all candidates, and the payload."""
    payloads = carriers.code.decode(soft[:, carriers.bits - carriers.code.length :])
    agreeing = [
        int(((row > 0) == (carriers.signs(payload) > 0)).sum())
        for row, payload in zip(soft, payloads, strict=True)
    ]
    best = int(numpy.argmax(agreeing))
    return agreeing[best], payloads[best]
