"""What the line must remember over a crash, and its form as plain JSON."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from backend.domain.requests import AccountId, JobId
from backend.domain.tiers import Tier

NOTHING_RECENT = (0.0, 0.0, 0.0, 0.0, 0.0)


@dataclass(frozen=True, kw_only=True, slots=True)
class Charge:
    """What a running job was charged: its predicted cost, at the share its tier was due."""

    job_id: JobId
    account: AccountId
    tier: Tier
    cost_s: float
    share: float
    is_promoted: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class TierMemory:
    """A tier's pass and virtual time, and what accounts that wait or lead were served.

    `total_s` are the GPU-seconds it was charged, `ended_s` those of its jobs that have ended.
    """

    passed_s: float = 0.0
    virtual_s: float = 0.0
    served_s: Mapping[AccountId, float] = field(default_factory=dict)
    total_s: float = 0.0
    ended_s: float = 0.0
    promotions: int = 0
    is_ready: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class QueueMemory:
    """The state of one family's line, less the waiting jobs, which are rows of the job table.

    `recent` is (moment, GPU-seconds, of these turbo's and fast's, of these promoted, given
    since the last promotion).
    """

    virtual_s: float = 0.0
    tiers: Mapping[Tier, TierMemory] = field(
        default_factory=lambda: {tier: TierMemory() for tier in Tier}
    )
    recent: tuple[float, float, float, float, float] = NOTHING_RECENT
    running: tuple[Charge, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return the state as JSON types."""
        return {
            "virtual_s": self.virtual_s,
            "tiers": {
                tier.value: {
                    "passed_s": memory.passed_s,
                    "virtual_s": memory.virtual_s,
                    "served_s": dict(memory.served_s),
                    "total_s": memory.total_s,
                    "ended_s": memory.ended_s,
                    "promotions": memory.promotions,
                    "is_ready": memory.is_ready,
                }
                for tier, memory in self.tiers.items()
            },
            "recent": list(self.recent),
            "running": [
                [c.job_id, c.account, c.tier.value, c.cost_s, c.share, c.is_promoted]
                for c in self.running
            ],
        }


def memory_of(document: Mapping[str, Any]) -> QueueMemory:
    """Read what `as_json` wrote; what an older release did not write begins at zero."""
    tiers = document.get("tiers", {})
    recent = document.get("recent", NOTHING_RECENT)
    return QueueMemory(
        virtual_s=document.get("virtual_s", 0.0),
        tiers={tier: TierMemory(**tiers.get(tier.value, {})) for tier in Tier},
        recent=(recent[0], recent[1], recent[2], recent[3], recent[4]),
        running=tuple(
            Charge(
                job_id=JobId(job_id),
                account=AccountId(account),
                tier=Tier(tier),
                cost_s=cost_s,
                share=share,
                is_promoted=is_promoted,
            )
            for job_id, account, tier, cost_s, share, is_promoted in document.get("running", ())
        ),
    )
