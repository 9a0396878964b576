"""From an expected wait to the two that are told: one that half of the jobs keep, and nine in ten.

How wrong forecasts of about this length were lately, by tier, decides how far they lie apart.
"""

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from math import exp, log, log1p
from typing import Any, Final

from backend.domain.tiers import Tier
from backend.scheduling.forecast import Place

KEPT: Final = 100
TRUSTED: Final = 20
LENGTHS: Final = 14
UNSURE: Final = log(2.0)
SURE_PART: Final = 0.9
# By how much (as a logarithm) a kept or a broken p90 moves all later ones of its tier.
CAUTION_STEP: Final = 0.05
CAUTION_MAX: Final = 3.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Eta:
    """Seconds until a job begins: as likely less as more, and less in nine of ten cases."""

    p50_s: float
    p90_s: float


class EtaErrors:
    """Learns how waits turned out, against what was forecast."""

    def __init__(self, *, document: Mapping[str, Any] | None = None) -> None:
        self._errors: dict[tuple[Tier, int], deque[float]] = {
            (tier, length): deque((document or {}).get(f"{tier.value}/{length}", ()), KEPT)
            for tier in Tier
            for length in range(LENGTHS)
        }
        self._caution = {
            tier: float((document or {}).get(f"{tier.value}/caution", 0.0)) for tier in Tier
        }
        self._known: dict[tuple[Tier, int], tuple[float, float]] = {}

    def learn(self, place: Place, told: Eta, waited_s: float) -> None:
        """Take in how long a job really waited from the moment it was told this."""
        # The future differs from what was measured, above all while the line grows: so what was
        # told is also steered by how much of it came true (adaptive conformal inference).
        is_kept = waited_s <= told.p90_s
        step = -(1.0 - SURE_PART) if is_kept else SURE_PART
        caution = self._caution[place.tier] + CAUTION_STEP * step
        self._caution[place.tier] = min(CAUTION_MAX, max(-CAUTION_MAX, caution))
        key = (place.tier, _length(place.expected_s))
        self._errors[key].append(log1p(max(0.0, waited_s)) - log1p(place.expected_s))
        self._known.pop(key, None)

    def eta(self, place: Place) -> Eta:
        """Return what to tell of a place."""
        middle, high = self._quantiles((place.tier, _length(place.expected_s)))
        p50_s = max(0.0, (1.0 + place.expected_s) * exp(middle) - 1.0)
        high += self._caution[place.tier]
        p90_s = max(0.0, (1.0 + place.expected_s) * exp(high) - 1.0)
        return Eta(p50_s=p50_s, p90_s=max(p50_s, p90_s))

    def as_json(self) -> dict[str, Any]:
        """Return what was learned as JSON types."""
        return {f"{tier.value}/caution": self._caution[tier] for tier in Tier} | {
            f"{tier.value}/{length}": [round(error, 4) for error in errors]
            for (tier, length), errors in self._errors.items()
            if errors
        }

    def _quantiles(self, key: tuple[Tier, int]) -> tuple[float, float]:
        known = self._known.get(key)
        if known is None:
            errors = sorted(self._errors[key])
            if len(errors) < TRUSTED:
                known = (0.0, UNSURE)
            else:
                known = (errors[len(errors) // 2], errors[int(len(errors) * SURE_PART)])
            self._known[key] = known
        return known


def _length(expected_s: float) -> int:
    return min(LENGTHS - 1, int(log(1.0 + max(0.0, expected_s), 2)))
