"""What the line knows of a job that waits, and of a worker that asks."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from backend.domain.requests import AccountId, JobId
from backend.domain.tiers import Tier

NOTHING: frozenset[str] = frozenset()


@dataclass(frozen=True, kw_only=True, slots=True)
class Waiting:
    """A job in line. `cost_s` is its predicted GPU-seconds; times are seconds on one clock.

    Jobs of the same `batch_key` can be drawn together; one without is drawn alone.
    """

    job_id: JobId
    account: AccountId
    tier: Tier
    cost_s: float
    arrived_s: float
    adapters: frozenset[str] = NOTHING
    batch_key: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Credit:
    """A worker's readiness for one more message, of up to `jobs_max` jobs it can draw together."""

    worker: str = ""
    adapters: frozenset[str] = NOTHING
    jobs_max: int = 1


@dataclass(frozen=True, kw_only=True, slots=True)
class Turn:
    """Whose turn it is: the jobs of one message, the one that was due in front.

    `shares` is what each tier that had something to draw was due.
    """

    jobs: tuple[Waiting, ...]
    worker: str = ""
    is_promoted: bool = False
    shares: Mapping[Tier, float] = field(default_factory=dict)
