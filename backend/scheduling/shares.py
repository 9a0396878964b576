"""What share of the GPU-seconds each tier with work is due; pure."""

from collections.abc import Mapping

from backend.domain.tiers import Tier


def due_shares(weights: Mapping[Tier, float], reserved: Mapping[Tier, float]) -> dict[Tier, float]:
    """Return shares that sum to 1: by weight, but for no tier less than is reserved for it.

    Tiers below their reserve are raised to it, and the others divide the rest by weight. So
    10 : 5 : 1 with a tenth reserved for each is 60 : 30 : 10, and not 62.5 : 31.25 : 6.25.
    Reserves that sum to more than 1 are scaled down together.
    """
    scale = max(1.0, sum(reserved[tier] for tier in weights))
    raised: dict[Tier, float] = {}
    while True:
        rest = 1.0 - sum(raised.values())
        total = sum(weight for tier, weight in weights.items() if tier not in raised)
        shares = {
            tier: raised[tier] if tier in raised else rest * weight / total
            for tier, weight in weights.items()
        }
        below = {
            tier: reserved[tier] / scale
            for tier, share in shares.items()
            if tier not in raised and share < reserved[tier] / scale
        }
        if not below or len(raised) + len(below) == len(weights):
            return shares
        raised |= below
