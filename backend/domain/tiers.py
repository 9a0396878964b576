"""The three tiers a job can wait in, and their weights."""

from dataclasses import dataclass
from enum import StrEnum


class Tier(StrEnum):
    """A priority queue; each family has all three."""

    TURBO = "turbo"
    FAST = "fast"
    RELAX = "relax"


@dataclass(frozen=True, kw_only=True)
class TierPolicy:
    """How much of a worker's attention a tier gets while all tiers have work."""

    weight: int


TIER_POLICIES: dict[Tier, TierPolicy] = {
    Tier.TURBO: TierPolicy(weight=10),
    Tier.FAST: TierPolicy(weight=5),
    Tier.RELAX: TierPolicy(weight=1),
}
