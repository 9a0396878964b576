"""The three tiers a job can wait in, and what each of them promises."""

from dataclasses import dataclass
from enum import StrEnum


class Tier(StrEnum):
    """A priority queue; each family has all three."""

    TURBO = "turbo"
    FAST = "fast"
    RELAX = "relax"


@dataclass(frozen=True, kw_only=True)
class TierPolicy:
    """How much of a family's GPUs a tier gets while all tiers have work.

    `reserved_share` of the GPU-seconds is the tier's even where its weight gives it less. A job
    that has waited for `longest_wait_s` may be promoted. `running_max` and `waiting_max` bound
    what one account may have running and waiting in the tier at once; None is no bound. What
    waits is what no worker has begun. One prompt stands for `set_max` jobs at most.
    """

    weight: int
    reserved_share: float = 0.1
    longest_wait_s: float | None = None
    running_max: int | None = None
    waiting_max: int | None = None
    set_max: int = 10


TIER_POLICIES: dict[Tier, TierPolicy] = {
    Tier.TURBO: TierPolicy(weight=10, waiting_max=20, set_max=4),
    Tier.FAST: TierPolicy(weight=5, longest_wait_s=120.0, waiting_max=50),
    Tier.RELAX: TierPolicy(weight=1, longest_wait_s=300.0, waiting_max=1000, set_max=40),
}
