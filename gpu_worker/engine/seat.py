"""What choosing needs to know of a job in flight; pure."""

from collections.abc import Hashable
from dataclasses import dataclass
from enum import StrEnum

from backend.contracts import Tier

TIERS_BY_URGENCY = (Tier.TURBO, Tier.FAST, Tier.RELAX)


class Stage(StrEnum):
    """What a job in flight needs next."""

    WAITING = "waiting"  # its words encoded
    DRAWING = "drawing"  # a step
    FINISHING = "finishing"  # a picture decoded or enlarged


@dataclass(frozen=True, kw_only=True)
class Seat:
    """One job in flight, numbered in order of arrival.

    A job that waits to begin has no key and no pixels yet. `is_parked` and `ticks_aside` tell of
    the ticks before: whether it stood aside in the last, and in how many so far.
    """

    number: int
    tier: Tier
    stage: Stage
    key: Hashable = None
    outfit: Hashable = None  # part of the key: changing it takes time
    rows: int = 0
    row_pixels: int = 0
    is_parked: bool = False
    ticks_aside: int = 0

    @property
    def pixels(self) -> int:
        """Return how many pixels the network sees of it in a step."""
        return self.rows * self.row_pixels

    @property
    def urgency(self) -> tuple[int, int]:
        """Return what sorts the most urgent first: by tier, then by arrival."""
        return TIERS_BY_URGENCY.index(self.tier), self.number
