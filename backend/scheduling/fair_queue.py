"""Whose turn it is: which waiting jobs go to the worker queues now. A pure function over rows.

Inside a tier, first come, first served. Each tier's queue is kept filled up to a window, so that
the weighted workers see a backlog in every tier that has one; nothing more leaves the table.
"""

from collections.abc import Mapping, Sequence

from backend.domain.requests import JobId
from backend.domain.tiers import Tier


def room(*, in_flight: Mapping[Tier, int], window: int) -> dict[Tier, int]:
    """Return how many jobs each tier's queue may still take."""
    return {tier: max(0, window - in_flight.get(tier, 0)) for tier in Tier}


def choose(
    *, waiting: Mapping[Tier, Sequence[JobId]], in_flight: Mapping[Tier, int], window: int
) -> list[JobId]:
    """Return the jobs to send now, in sending order.

    `waiting` is oldest first; `in_flight` counts what was sent and has not begun; `window` is how
    many of those a tier's queue may hold.
    """
    free = room(in_flight=in_flight, window=window)
    return [job_id for tier in Tier for job_id in waiting.get(tier, ())[: free[tier]]]
