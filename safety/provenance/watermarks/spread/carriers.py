"""The keyed carriers: waves that repeat with a tile, each with a secret phase, that hold two signs.

A wave of a tile has whole cycles `(across, down)` in it. Moving the picture turns a wave's phase,
resizing it moves the wave in the spectrum; both leave the tile's structure as it is, so that a
reader can search for them.
"""

import hashlib
from dataclasses import dataclass
from typing import Final

import numpy
from numpy.typing import NDArray

from safety.provenance.tail_biting import Floats, TailBitingCode
from safety.provenance.watermark import KEY_BYTES

Complexes = NDArray[numpy.complex64]
Integers = NDArray[numpy.int64]

# Cycles in a tile: slower waves drown in what is drawn, faster ones in compression.
_SLOWEST: Final = 3.5
_FASTEST: Final = 15.5
_LEAST_PILOTS: Final = 56
_RINGS: Final = 5


@dataclass(frozen=True, kw_only=True)
class Carriers:
    """Where the waves are and what each means; the pilots, which say nothing, come first."""

    across: Integers  # [waves], cycles in a tile
    down: Integers
    secrets: Complexes  # [waves], of length one: the phase of a wave that says "+1, +1"
    pilots: int
    code: TailBitingCode
    rings: tuple[Integers, ...]  # indices of waves of about one length, together all

    @property
    def bits(self) -> int:
        """How many signs there are: two in each wave."""
        return 2 * len(self.across)

    def signs(self, payload: int) -> Floats:
        """Return all signs for a payload: [bits], the pilots' first."""
        plain = numpy.ones(self.bits - self.code.length, dtype=numpy.float32)
        return numpy.concatenate([plain, self.code.encode(payload)])

    def waves(self, signs: Floats) -> Complexes:
        """Return the waves' phases, of length one, that show the signs."""
        pairs = signs.reshape(-1, 2)
        shown = (pairs[:, 0] + 1j * pairs[:, 1]) / numpy.sqrt(2)
        turned: Complexes = (shown * self.secrets).astype(numpy.complex64)
        return turned

    def soft_signs(self, waves: Complexes) -> Floats:
        """Return what waves [..., waves] say, softly: [..., bits]."""
        plain = waves * self.secrets.conj()
        pairs = numpy.stack([plain.real, plain.imag], axis=-1)
        return pairs.reshape(*waves.shape[:-1], self.bits).astype(numpy.float32)


def draw_carriers(key: bytes) -> Carriers:
    """Draw an installation's carriers from its key.

    Raises:
        ValueError: the key has not 32 bytes.

    """
    if len(key) != KEY_BYTES:
        raise ValueError(f"a watermark key has {KEY_BYTES} bytes")
    across, down = _ring()
    random = _stream(key, 2 * len(across))
    order = numpy.argsort(random[: len(across)], kind="stable")
    phases = random[len(across) :].astype(numpy.float64) * (2 * numpy.pi / 2**32)
    code = TailBitingCode(rate=2 * (len(across) - _LEAST_PILOTS) // 48)
    across, down = across[order], down[order]
    from_slowest = numpy.argsort(numpy.hypot(across, down), kind="stable")
    return Carriers(
        across=across,
        down=down,
        rings=tuple(numpy.array_split(from_slowest, _RINGS)),
        secrets=numpy.exp(1j * phases).astype(numpy.complex64),
        pilots=len(across) - code.length // 2,
        code=code,
    )


def _ring() -> tuple[Integers, Integers]:
    """Return the waves of half a ring; the other half are the same waves again."""
    reach = int(_FASTEST) + 1
    down, across = numpy.mgrid[-reach : reach + 1, 0 : reach + 1]
    radius = numpy.hypot(across, down)
    is_in = (radius >= _SLOWEST) & (radius <= _FASTEST) & ((across > 0) | (down > 0))
    return across[is_in], down[is_in]


def _stream(key: bytes, count: int) -> NDArray[numpy.uint32]:
    drawn = hashlib.shake_256(b"impasto spread watermark 1" + key).digest(4 * count)
    return numpy.frombuffer(drawn, dtype="<u4")
