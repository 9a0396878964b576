"""The rules of the line as numbers: what a tier is worth, reserves, promises and bounds."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from backend.domain.tiers import TIER_POLICIES, Tier, TierPolicy

QUIET_USE = 0.5


@dataclass(frozen=True, kw_only=True)
class FairRules:
    """What `FairQueue` goes by.

    `quiet_relax_factor` is what relax's weight grows to while turbo and fast leave everything idle;
    at `QUIET_USE` of the GPUs and above it is 1. `promoted_share` is the share of recent
    GPU-seconds that overdue jobs may be given out of turn. `lookahead` is how many accounts may be
    looked at for a job whose adapters a worker holds, or that fits a batch; `overdue_lookahead` for
    one that is overdue.
    """

    tiers: Mapping[Tier, TierPolicy] = field(default_factory=lambda: TIER_POLICIES)
    quiet_relax_factor: float = 4.0
    promoted_share: float = 0.05
    window_s: float = 300.0
    lookahead: int = 8
    overdue_lookahead: int = 64

    def weight(self, tier: Tier, *, upper_use: float) -> float:
        """Return a tier's weight while turbo and fast use `upper_use` (0 to 1) of the GPUs."""
        weight = float(self.tiers[tier].weight)
        if tier is not Tier.RELAX:
            return weight
        quiet = max(0.0, 1.0 - upper_use / QUIET_USE)
        return weight * (1.0 + (self.quiet_relax_factor - 1.0) * quiet)


def plain_stride() -> FairRules:
    """Return the rules with nothing but the weights: no reserve, no promotion, no quiet times."""
    return FairRules(
        tiers={
            tier: TierPolicy(weight=TIER_POLICIES[tier].weight, reserved_share=0) for tier in Tier
        },
        quiet_relax_factor=1.0,
        promoted_share=0.0,
    )
