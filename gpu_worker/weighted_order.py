"""The order in which a worker asks its tier queues for work; pure.

Smooth weighted round robin for kombu's `queue_order_strategy`: with all three queues backlogged
they are served 10 : 5 : 1, and a queue that was empty has saved up nothing.
"""

import math
from collections.abc import Iterable

from backend.contracts import TIER_POLICIES, Tier

# Strides are whole numbers, so that months do not make them drift; doubled, to start at half.
_DISTANCE = 2 * math.lcm(*(policy.weight for policy in TIER_POLICIES.values()))
_STRIDES: dict[str, int] = {
    tier: _DISTANCE // policy.weight for tier, policy in TIER_POLICIES.items()
}


def _stride(queue: str) -> int:
    """Return how far a queue moves back when it has been served; unknown queues count as relax."""
    suffix = queue.rpartition(".")[2]
    return _STRIDES.get(suffix, _STRIDES[Tier.RELAX])


class StrideOrder:
    """A kombu cycle: `consume` orders the queues before each BRPOP, `rotate` hears who gave."""

    def __init__(self, queues: Iterable[str] | None = None) -> None:
        self._queues: list[str] = []
        self._places: dict[str, int] = {}
        self.update(queues or ())

    def update(self, queues: Iterable[str]) -> None:
        """Take the queues now consumed; known ones keep their place."""
        self._queues = list(queues)
        for queue in self._queues:
            self._places.setdefault(queue, _stride(queue) // 2)

    def consume(self, count: int) -> list[str]:
        """Return the first `count` queues, the one whose turn it is in front."""
        return sorted(self._queues[:count], key=lambda queue: (self._places[queue], _stride(queue)))

    def rotate(self, last_used: str) -> str:
        """Charge the queue a message came from, and nobody else."""
        served_at = self._places.get(last_used)
        if served_at is not None:
            self._places[last_used] = served_at + _stride(last_used)
            # Whoever stood further in front had nothing to give: no credit for having been empty.
            for queue in self._queues:
                self._places[queue] = max(self._places[queue], served_at)
        return last_used
