"""Finds scale and place of a mark, reads it, and says how likely chance is as good.

Scale first: the waves' power, whatever their phases, at hundreds of tile sizes. Then place: the
pilots' phases, at once for all places of a tile. The few best are decoded, and the one that agrees
best with a payload is the reading. The p-value counts every scale, place and payload there was.
"""

from typing import Final

import numpy

from safety.provenance.tail_biting import Floats
from safety.provenance.watermark import (
    PAYLOAD_BITS,
    WatermarkReading,
    chance_of_sum,
    nothing_seen,
    seen,
)
from safety.provenance.watermarks.spread.carriers import Carriers, Complexes
from safety.provenance.watermarks.spread.embedding import TILE_PX
from safety.provenance.watermarks.spread.planes import local_mean
from safety.provenance.watermarks.spread.spectrum import Doubles, Spectrum

_SMALLEST_TILE_PX: Final = 32.0
_LARGEST_TILE_PX: Final = 300.0
_LARGEST_TILE: Final = 1.6  # of the picture's shorter side
# Of a turn of the fastest wave across the picture: how far a scale may miss.
_SCALE_STEP: Final = 0.35
_FINE_STEPS: Final = (-1.0, -0.5, 0.0, 0.5, 1.0)
_SCALES_KEPT: Final = 60
_NEIGHBOURS: Final = 30
_KEPT: Final = 24
_ROUGH_PLACES: Final = 64  # of a tile, to each side
_PLACES: Final = 224
_AT_ONCE: Final = 256
_LEAST_EXCESS: Final = 0.03


def read(spectrum: Spectrum, carriers: Carriers) -> WatermarkReading:
    """Return the best reading of a spectrum."""
    scales = _scales(spectrum)
    if not len(scales):
        return nothing_seen(carriers.bits)
    expected = _expected_tiles_px(spectrum)
    sizes = len(scales) * len(_FINE_STEPS) + len(expected)
    tried = sizes * _PLACES**2 * 2**PAYLOAD_BITS  # whether or not the search stops early
    reading = _read_at(spectrum.waves(carriers, expected), carriers, tried)
    if reading.is_present:
        return reading
    likely = spectrum.waves(carriers, _likely_scales(spectrum, carriers, scales))
    searched = _read_at(_likeliest(likely, carriers), carriers, tried)
    return min(reading, searched, key=lambda one: one.p_value)


def _read_at(waves: Complexes, carriers: Carriers, tried: int) -> WatermarkReading:
    """Return the best reading of some candidates, out of so many that might have been tried."""
    placed = _placed(waves, carriers)
    likeness, payload, matched = _best(_weighed(placed, carriers), carriers)
    p_value = chance_of_sum(likeness, candidates=tried)
    return seen(payload, p_value=p_value, bits_matched=matched, bits=carriers.bits)


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
    # Some tile sizes look stronger than others in any picture: each against its neighbours.
    usual = local_mean(power[None].astype(numpy.float32), _NEIGHBOURS)[0]
    kept: list[int] = []
    for index in numpy.argsort(usual - power, kind="stable"):
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


def _expected_tiles_px(spectrum: Spectrum) -> Doubles:
    """Return the tile sizes of pictures that were left at their size, halved or doubled."""
    sizes = spectrum.reduced_to * TILE_PX * numpy.array([0.5, 1.0, 2.0])
    return numpy.maximum(sizes, _SMALLEST_TILE_PX)


def _likeliest(waves: Complexes, carriers: Carriers) -> Complexes:
    """Return the few candidates whose pilots fit best at some place."""
    fit = _likeness(waves, carriers, _ROUGH_PLACES).max(axis=(1, 2))
    return waves[numpy.argsort(-fit, kind="stable")[:_KEPT]]


def _placed(waves: Complexes, carriers: Carriers) -> Complexes:
    """Return the waves of each candidate, moved to where its tile begins."""
    moved = []
    for one, likeness in zip(waves, _likeness(waves, carriers, _PLACES), strict=True):
        down, across = numpy.unravel_index(int(likeness.argmax()), likeness.shape)
        turns = (carriers.down * int(down) + carriers.across * int(across)) / _PLACES
        moved.append(one * numpy.exp(2j * numpy.pi * turns))
    return numpy.stack(moved).astype(numpy.complex64)


def _likeness(waves: Complexes, carriers: Carriers, places: int) -> Floats:
    """Return how well the pilots of [candidates, waves] fit every place of a tile."""
    pilots = slice(0, carriers.pilots)
    plain = carriers.waves(numpy.ones(carriers.bits, dtype=numpy.float32))[pilots]
    reach = int(carriers.across.max())
    grid = numpy.zeros((len(waves), 2 * reach + 1, reach + 1), dtype=numpy.complex64)
    grid[:, carriers.down[pilots] + reach, carriers.across[pilots]] = (
        waves[:, pilots] * plain.conj()
    )
    # Few waves and many places: two small products are ten times faster than a transform.
    turns = 2j * numpy.pi / places * numpy.arange(places)
    down = numpy.exp(numpy.outer(turns, numpy.arange(-reach, reach + 1))).astype(numpy.complex64)
    across = numpy.exp(numpy.outer(numpy.arange(reach + 1), turns)).astype(numpy.complex64)
    rows = down @ grid
    fit: Floats = rows.real @ across.real - rows.imag @ across.imag
    return fit


def _weighed(waves: Complexes, carriers: Carriers) -> Floats:
    """Return soft signs, each ring of waves trusted as far as it stands out of its surroundings.

    Only the waves' strength is looked at, which says nothing of their secret phases: the chance
    that signs agree stays what it is.
    """
    power = waves.real**2 + waves.imag**2
    trust = numpy.empty_like(power)
    for ring in carriers.rings:
        excess = power[:, ring].mean(axis=1, keepdims=True) - 1
        trust[:, ring] = numpy.sqrt(numpy.maximum(excess, _LEAST_EXCESS))
    return carriers.soft_signs(waves * trust)


def _best(soft: Floats, carriers: Carriers) -> tuple[float, int, int]:
    """Return of the candidate most like a payload: the likeness, the payload, signs that agree."""
    payloads = carriers.code.decode(soft[:, carriers.bits - carriers.code.length :])
    lengths = numpy.linalg.norm(soft, axis=1) + 1e-12
    found = []
    for row, length, payload in zip(soft, lengths, payloads, strict=True):
        signs = carriers.signs(payload)
        agreeing = int(((row > 0) == (signs > 0)).sum())
        found.append((float(row @ signs / length), payload, agreeing))
    return max(found)
