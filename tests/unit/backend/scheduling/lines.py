"""Rows of waiting jobs, and short ways to let a line decide."""

from collections.abc import Sequence

from backend.domain.requests import AccountId, JobId
from backend.domain.tiers import TIER_POLICIES, Tier, TierPolicy
from backend.scheduling.fair_queue import FairQueue
from backend.scheduling.rules import FairRules, plain_stride
from backend.scheduling.waiting import NOTHING, Waiting

PLAIN = plain_stride()


def a_row(
    job_id: object,
    *,
    account: object = "ada",
    tier: Tier = Tier.RELAX,
    cost_s: float = 1.0,
    arrived_s: float = 0.0,
    adapters: Sequence[str] = (),
    batch_key: str = "",
) -> Waiting:
    return Waiting(
        job_id=JobId(str(job_id)),
        account=AccountId(str(account)),
        tier=tier,
        cost_s=cost_s,
        arrived_s=arrived_s,
        adapters=frozenset(adapters) if adapters else NOTHING,
        batch_key=batch_key,
    )


def drain(
    queue: FairQueue, turns: int, *, slots: int = 1, now_s: float = 0.0, step_s: float = 1.0
) -> list[Waiting]:
    """Draw on `slots` GPUs of equal pace; return the jobs in order of beginning."""
    begun: list[Waiting] = []
    for number in range(turns):
        turn = queue.take(now_s=now_s + number * step_s, slots=slots)
        if turn is None:
            break
        begun += turn.jobs
        if len(begun) >= slots:
            ended = begun[len(begun) - slots]
            queue.finish(ended.job_id, ended.cost_s)
    return begun


def with_limit(running_max: int) -> FairRules:
    return FairRules(
        tiers={
            tier: TierPolicy(weight=policy.weight, running_max=running_max)
            for tier, policy in TIER_POLICIES.items()
        }
    )
