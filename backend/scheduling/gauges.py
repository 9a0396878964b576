"""What an operator is told of a line: how long it is, who is served, and what came true."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from backend.domain.families import ModelFamily
from backend.domain.reviews import Backlog
from backend.domain.tiers import Tier
from backend.domain.workers import WorkerState


@dataclass(frozen=True, kw_only=True, slots=True)
class TierGauges:
    """One tier of one family. What nobody could measure yet is None.

    `waiting` jobs are in line, `handed_out` ones with a worker that has not begun them, `running`
    ones are drawn. `oldest_s` is how long the first of the waiting has waited, `waiting_gpu_s` what
    they will cost together.

    `begun`, `promoted`, `ended_gpu_s`, `told`, `kept_p50` and `kept_p90` only grow, over restarts
    too: jobs begun and those of them out of turn, GPU-seconds of ended jobs, and jobs that were
    told a time and began within their p50 or p90.

    `share` (of the GPU-seconds, 0 to 1), `due_share` and `jain` are of the last minutes, the
    coverages of the last jobs that were told a time.
    """

    waiting: int = 0
    handed_out: int = 0
    running: int = 0
    oldest_s: float = 0.0
    waiting_gpu_s: float = 0.0
    begun: int = 0
    promoted: int = 0
    ended_gpu_s: float = 0.0
    told: int = 0
    kept_p50: int = 0
    kept_p90: int = 0
    share: float | None = None
    due_share: float | None = None
    jain: float | None = None
    p50_coverage: float | None = None
    p90_coverage: float | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class FamilyGauges:
    """One family's line at `at_s`.

    `slots` is how many jobs its live workers draw at once. In `drain_s` all that waits and runs
    will be drawn if nobody else comes; None if nobody draws.
    """

    at_s: float
    slots: int = 0
    drain_s: float | None = None
    tiers: Mapping[Tier, TierGauges] = field(
        default_factory=lambda: {tier: TierGauges() for tier in Tier}
    )

    @property
    def waiting(self) -> int:
        """How many jobs wait, of all tiers."""
        return sum(tier.waiting for tier in self.tiers.values())


@dataclass(frozen=True, kw_only=True, slots=True)
class Board:
    """All that is told at one moment: whether a dispatcher leads, live workers, and the lines.

    `states` counts the workers by what they do; what a worker of an older release does is unknown.
    `backlog` is what waits for moderators, empty while nobody counts it.
    """

    is_led: bool = False
    workers: Mapping[ModelFamily, int] = field(default_factory=dict)
    states: Mapping[ModelFamily, Mapping[WorkerState, int]] = field(default_factory=dict)
    families: Mapping[ModelFamily, FamilyGauges] = field(default_factory=dict)
    backlog: tuple[Backlog, ...] = ()
