"""The order in which a worker asks its queues for work, and whether it asks at all; pure.

Smooth weighted round robin for kombu's `queue_order_strategy`: with all three tiers' queues
backlogged they are served 10 : 5 : 1, and a queue that was empty has saved up nothing. The worker's
own queue goes before them and is charged to nobody: what lies there it was given by name.
"""

import math
from collections.abc import Iterable
from typing import Protocol

from backend.contracts import TIER_POLICIES, Tier

# Strides are whole numbers, so that months do not make them drift; doubled, to start at half.
_DISTANCE = 2 * math.lcm(*(policy.weight for policy in TIER_POLICIES.values()))
_STRIDES: dict[str, int] = {
    tier: _DISTANCE // policy.weight for tier, policy in TIER_POLICIES.items()
}


_OWN = ".worker."


class Appetite(Protocol):
    """How many messages are wanted."""

    def wants(self) -> int:
        """Return how many more are wanted now."""

    def pop(self) -> None:
        """Count a message that has just been taken."""


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
            self._places.setdefault(queue, -1 if _OWN in queue else _stride(queue) // 2)

    def consume(self, count: int) -> list[str]:
        """Return the first `count` queues, the one whose turn it is in front."""
        return sorted(self._queues[:count], key=lambda queue: (self._places[queue], _stride(queue)))

    def rotate(self, last_used: str) -> str:
        """Charge the queue a message came from, and nobody else."""
        served_at = self._places.get(last_used)
        if served_at is not None and _OWN not in last_used:
            self._places[last_used] = served_at + _stride(last_used)
            # Whoever stood further in front had nothing to give: no credit for having been empty.
            for queue in self._queues:
                if _OWN not in queue:
                    self._places[queue] = max(self._places[queue], served_at)
        return last_used


class AskingOrder(StrideOrder):
    """A `StrideOrder` that asks no queue while nothing is wanted.

    kombu takes one message at a time and asks again before the next.
    """

    def __init__(self, queues: Iterable[str] | None = None, *, appetite: Appetite) -> None:
        self._appetite = appetite
        super().__init__(queues)

    def consume(self, count: int) -> list[str]:
        return super().consume(count) if self._appetite.wants() else []

    def rotate(self, last_used: str) -> str:
        self._appetite.pop()
        return super().rotate(last_used)
