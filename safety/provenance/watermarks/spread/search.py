"""Finds scale and place of a mark, reads it, and says how likely chance is as good.

Scale first: the waves' power, whatever their phases, at hundreds of tile sizes. Then place: the
pilots' phases, at once for all places of a tile. The few dozen best are decoded, and the one that
agrees best with a payload is the reading.

A picture that knows nothing of the key agrees with one payload, at one size and place, by a sum of
fair coins; `chance_of_sum` bounds how far. The p-value is that bound times the number of sizes,
places, payloads and ways to look there are, tried or not (a union bound): about 2^77 where the
size has to be sought, 2^66 for the sizes a picture is expected to have, twice as many on a light
page, which is looked at twice. Each of the two searches may raise half of the false alarms, hence
the last factor of two in these.
"""

import math
from collections.abc import Iterable
from dataclasses import replace
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
from safety.provenance.watermarks.spread.places import likeness, moved
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
_EXPECTED: Final = (0.5, 1.0, 2.0)  # of its own size a picture may have
_KEPT: Final = 24
_ROUGH_PLACES: Final = 64  # of a tile, to each side
_PLACES: Final = 224
_BEST_PLACES: Final = 4  # of each candidate
_APART: Final = 8  # places between two that are not the same again
_DECODED: Final = 32
_AT_ONCE: Final = 256
_LEAST_EXCESS: Final = 0.03
_MOST_STRENGTH: Final = 1.5
_SEARCHES: Final = 2
# The chance, where a mark is there, that its id is another: above it there is no id.
_MOST_DOUBT: Final = 1e-3


def read(spectra: Iterable[Spectrum], carriers: Carriers) -> WatermarkReading:
    """Return the best reading of a picture's spectra, the first at which there is a mark if any."""
    best = nothing_seen(carriers.bits)
    for spectrum in spectra:
        reading = _read_one(spectrum, carriers)
        best = min(best, reading, key=lambda one: one.p_value)
        if best.is_present:
            break
    return best


def _read_one(spectrum: Spectrum, carriers: Carriers) -> WatermarkReading:
    scales = _scales(spectrum)
    if not len(scales):
        return nothing_seen(carriers.bits)
    expected = _expected_tiles_px(spectrum)
    reading = _read_at(
        spectrum.waves_between(carriers, expected), carriers, _hypotheses(spectrum, len(_EXPECTED))
    )
    if reading.is_present:
        return reading
    likely = spectrum.waves_between(carriers, _likely_scales(spectrum, carriers, scales))
    sizes = len(scales) * len(_FINE_STEPS)
    searched = _read_at(_likeliest(likely, carriers), carriers, _hypotheses(spectrum, sizes))
    return min(reading, searched, key=lambda one: one.p_value)


def _hypotheses(spectrum: Spectrum, sizes: int) -> int:
    """Return how many marks there might have been at so many sizes, whether all were tried.

    How often a picture is looked at hangs on the picture alone, whose signs are what is by chance.
    """
    return _SEARCHES * spectrum.looks * sizes * _PLACES**2 << PAYLOAD_BITS


def _read_at(waves: Complexes, carriers: Carriers, hypotheses: int) -> WatermarkReading:
    """Return the best reading of some candidates, out of so many that might have been tried."""
    trusted = _trusted(waves, carriers)
    soft = carriers.soft_signs(_placed(trusted, carriers))
    payloads = carriers.code.decode(soft[:, carriers.bits - carriers.code.length :])
    lengths = numpy.linalg.norm(soft, axis=1) + 1e-12
    signs = numpy.stack([carriers.signs(payload) for payload in payloads])
    alike = (soft * signs).sum(axis=1) / lengths
    best = int(alike.argmax())
    reading = seen(
        payloads[best],
        p_value=chance_of_sum(float(alike[best]), candidates=hypotheses),
        bits_matched=int(((soft[best] > 0) == (signs[best] > 0)).sum()),
        bits=carriers.bits,
    )
    doubt = _doubt(soft[best] / lengths[best], payloads[best], float(alike[best]), carriers)
    return reading if doubt <= _MOST_DOUBT else replace(reading, payload=None)


def _doubt(soft: Floats, payload: int, alike: float, carriers: Carriers) -> float:
    """Return how likely another payload nearby was meant, soft signs [bits] of length one given.

    In a mark's soft signs there is of each sign its share and noise about it; what is told against
    each near payload follows from the signs in which it differs.
    """
    share = min(alike / math.sqrt(carriers.bits), 0.99)
    leads = carriers.code.leads(soft[carriers.bits - carriers.code.length :], payload)
    told = leads * math.sqrt(carriers.bits) * share / (1 - share**2)
    return float(numpy.exp(-told).sum())


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
    sizes = spectrum.reduced_to * TILE_PX * numpy.array(_EXPECTED)
    return numpy.maximum(sizes, _SMALLEST_TILE_PX)


def _likeliest(waves: Complexes, carriers: Carriers) -> Complexes:
    """Return the few candidates whose pilots fit best at some place."""
    fit = likeness(_by_pilots(_trusted(waves, carriers), carriers), carriers, _ROUGH_PLACES)
    best = fit.max(axis=(1, 2))
    return waves[numpy.argsort(-best, kind="stable")[:_KEPT]]


def _placed(waves: Complexes, carriers: Carriers) -> Complexes:
    """Return the waves of the best candidates, moved to the places where a tile may begin."""
    fits = likeness(_by_pilots(waves, carriers), carriers, _PLACES)
    found = []
    for one, fit in zip(waves, fits, strict=True):
        for _ in range(_BEST_PLACES):
            down, across = (int(i) for i in numpy.unravel_index(int(fit.argmax()), fit.shape))
            found.append((float(fit[down, across]), one, down, across))
            rows, columns = (
                numpy.arange(place - _APART, place + _APART + 1) % _PLACES
                for place in (down, across)
            )
            fit[numpy.ix_(rows, columns)] = -numpy.inf
    found.sort(key=lambda one: -one[0])
    return numpy.stack(
        [
            moved(one, carriers, down / _PLACES, across / _PLACES)
            for _, one, down, across in found[:_DECODED]
        ]
    )


def _by_pilots(waves: Complexes, carriers: Carriers) -> Complexes:
    """Return the pilots' part of waves, each candidate's of one strength, less what they say."""
    plain = carriers.waves(numpy.ones(carriers.bits, dtype=numpy.float32))
    strength = numpy.linalg.norm(waves, axis=1, keepdims=True) + 1e-12
    products: Complexes = (waves / strength * plain.conj())[:, : carriers.pilots]
    return products


def _trusted(waves: Complexes, carriers: Carriers) -> Complexes:
    """Return waves weighted, each ring trusted as far as it stands out of its surroundings.

    None counts as much stronger than its surroundings: the mark's waves are all of one strength.
    Only the waves' strength is looked at, which says nothing of their secret phases: the chance
    that signs agree stays what it is.
    """
    power = waves.real**2 + waves.imag**2
    trust = numpy.empty_like(power)
    for ring in carriers.rings:
        excess = power[:, ring].mean(axis=1, keepdims=True) - 1
        trust[:, ring] = numpy.sqrt(numpy.maximum(excess, _LEAST_EXCESS))
    trust *= numpy.minimum(1, _MOST_STRENGTH / numpy.sqrt(power + 1e-9))
    weighted: Complexes = waves * trust
    return weighted
