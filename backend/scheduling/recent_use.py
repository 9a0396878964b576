"""How many GPU-seconds went where lately: sums that fade, so that two numbers are all to keep."""

from dataclasses import dataclass
from math import exp


@dataclass(kw_only=True, slots=True)
class RecentUse:
    """GPU-seconds given out; what was given `window_s` ago counts a third of what is given now.

    `upper` is what of `total` went to turbo and fast, `promoted` what went to overdue jobs.
    `since_promotion`, which does not fade, keeps promotions apart: a budget that was saved up while
    nobody was overdue would be spent at once, and turn the tiers' shares over for a while.
    """

    window_s: float
    at_s: float = 0.0
    total: float = 0.0
    upper: float = 0.0
    promoted: float = 0.0
    since_promotion: float = 0.0

    def fade(self, now_s: float) -> None:
        """Let the sums fade to `now_s`; a clock that went back changes nothing."""
        if now_s <= self.at_s:
            return
        left = exp((self.at_s - now_s) / self.window_s)
        self.total *= left
        self.upper *= left
        self.promoted *= left
        self.at_s = now_s

    def count(self, gpu_s: float, *, is_upper: bool, is_promoted: bool) -> None:
        """Add GPU-seconds given now; negative ones correct what was too much."""
        self.total = max(0.0, self.total + gpu_s)
        self.since_promotion = max(0.0, self.since_promotion + gpu_s)
        if is_upper:
            self.upper = max(0.0, self.upper + gpu_s)
        if is_promoted:
            self.promoted = max(0.0, self.promoted + gpu_s)

    def may_promote(self, gpu_s: float, *, share: float) -> bool:
        """Whether that much may be given out of turn."""
        return gpu_s <= share * min(self.since_promotion, self.total - self.promoted / share)

    def promote(self) -> None:
        """Note that an overdue job begins now."""
        self.since_promotion = 0.0

    def upper_use(self, slots: int) -> float:
        """Return how much of `slots` GPUs turbo and fast use, 0 to 1."""
        return min(1.0, self.upper / (max(1, slots) * self.window_s))
