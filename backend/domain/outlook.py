"""What somebody who waits is told: the place in line, when it will probably begin, and why."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Outlook:
    """A waiting job's place (0 = next) and the seconds until it begins.

    As likely less than `p50_s` as more, and less than `p90_s` in nine of ten cases. `why` is one
    sentence for people.
    """

    position: int
    p50_s: float
    p90_s: float
    why: str
