"""The seam of invisible watermarks: a registry id goes into the pixels and is read from them.

A reading carries its p-value, corrected for everything the reader tried: a picture without the
mark is called marked once in a million readings, not once in a million comparisons.
"""

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Final, Protocol

from PIL import Image

PAYLOAD_BITS: Final = 48
KEY_BYTES: Final = 32
# A reading whose p-value is above it counts as "no mark".
MOST_FALSE_ALARMS: Final = 1e-6
# What sums of weighted coins exceed a normal deviate's tail by at most.
_COINS_TO_NORMAL: Final = 1 / (2 * math.erfc(1.0))


@dataclass(frozen=True, kw_only=True)
class WatermarkReading:
    """What a reader saw: the best candidate, and how likely chance alone shows one as good."""

    is_present: bool
    payload: int | None  # the registry id; None unless a mark is present and its id beyond doubt
    p_value: float  # 0..1, corrected for all candidates tried
    bits_matched: int  # of the `bits` that were compared with the candidate
    bits: int


class Watermark(Protocol):
    """Hides a registry id in a picture and finds it again."""

    @property
    def name(self) -> str:
        """A short stable name, kept beside what was marked."""

    def embed(self, pixels: Image.Image, payload: int) -> Image.Image:
        """Return an RGB picture of the same size that carries the id (0 .. 2**48 - 1).

        Raises:
            MarkImpossible: the picture is too small, or its pixels cannot carry the mark.

        """

    def read(self, pixels: Image.Image) -> WatermarkReading:
        """Look for a mark in a picture of whatever origin; small pictures have none."""


def chance_of(matched: int, bits: int, *, candidates: int = 1) -> float:
    """Return the chance that of so many candidates the best agrees in `matched` of `bits`.

    Exact for one candidate, each of whose bits agrees with probability one half; a union bound
    over more.
    """
    agreeing = sum(math.comb(bits, count) for count in range(matched, bits + 1))
    return float(min(Fraction(1), candidates * Fraction(agreeing, 2**bits)))


def chance_of_sum(likeness: float, *, candidates: int = 1) -> float:
    """Return a bound on the chance that of so many candidates the best is as alike.

    Likeness is the sum of soft signs times expected ones over the soft signs' length. Where each
    expected sign is a fair coin, whatever the strengths, that sum exceeds x no more than 3.18 times
    as often as a normal deviate does (Bentkus and Dzindzalieta, Bernoulli 21, 2015).
    """
    beyond = math.erfc(max(0.0, likeness) / math.sqrt(2)) / 2
    return min(1.0, candidates * _COINS_TO_NORMAL * beyond)


def check_payload(payload: int) -> int:
    """Return the payload.

    Raises:
        ValueError: it does not fit into 48 bits.

    """
    if not 0 <= payload < 2**PAYLOAD_BITS:
        raise ValueError(f"a payload has {PAYLOAD_BITS} bits")
    return payload


def seen(payload: int, *, p_value: float, bits_matched: int, bits: int) -> WatermarkReading:
    """Return the reading of a best candidate: present where chance would hardly show it."""
    is_present = p_value <= MOST_FALSE_ALARMS
    return WatermarkReading(
        is_present=is_present,
        payload=payload if is_present else None,
        p_value=p_value,
        bits_matched=bits_matched,
        bits=bits,
    )


def nothing_seen(bits: int) -> WatermarkReading:
    """Return the reading of a picture in which there is nothing to read."""
    return WatermarkReading(is_present=False, payload=None, p_value=1.0, bits_matched=0, bits=bits)
