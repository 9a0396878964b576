"""Whose turn it is, by five policies: ours, which is the production line, and what others do."""

from collections import deque
from enum import StrEnum
from random import Random
from typing import Protocol, assert_never

from backend.domain.requests import JobId
from backend.domain.tiers import TIER_POLICIES, Tier
from backend.scheduling.fair_queue import FairQueue
from backend.scheduling.rules import FairRules
from backend.scheduling.waiting import Credit, Waiting


class PolicyName(StrEnum):
    """The policies that can be compared."""

    OURS = "ours"
    FIFO = "fifo"
    ROUND_ROBIN = "round_robin"
    STRICT = "strict"
    WEIGHTED_RANDOM = "weighted_random"


class Policy(Protocol):
    """A line of one family."""

    def add(self, job: Waiting) -> None:
        """Let a job wait."""

    def take(self, *, now_s: float, adapters: frozenset[str]) -> Waiting | None:
        """Return what a GPU that holds these adapters draws next; None if nothing waits."""

    def finish(self, job_id: JobId, gpu_s: float) -> None:
        """Hear that a job ended, and what it took."""


def make_policy(name: PolicyName, *, slots: int, seed: int, rules: FairRules | None) -> Policy:
    """Make an empty line of one family with so many GPUs."""
    match name:
        case PolicyName.OURS:
            return Ours(slots=slots, rules=rules)
        case PolicyName.FIFO:
            return Fifo()
        case PolicyName.ROUND_ROBIN:
            return RoundRobin()
        case PolicyName.STRICT:
            return Strict()
        case PolicyName.WEIGHTED_RANDOM:
            return WeightedRandom(seed=seed)
        case _:
            assert_never(name)


class Ours:
    """The line of production."""

    def __init__(self, *, slots: int, rules: FairRules | None = None) -> None:
        self.queue = FairQueue(rules=rules)
        self._slots = slots

    def add(self, job: Waiting) -> None:
        self.queue.add(job)

    def take(self, *, now_s: float, adapters: frozenset[str]) -> Waiting | None:
        turn = self.queue.take(now_s=now_s, slots=self._slots, credit=Credit(adapters=adapters))
        return None if turn is None else turn.jobs[0]

    def finish(self, job_id: JobId, gpu_s: float) -> None:
        self.queue.finish(job_id, gpu_s)


class Fifo:
    """One queue for everybody."""

    def __init__(self) -> None:
        self._jobs: deque[Waiting] = deque()

    def add(self, job: Waiting) -> None:
        self._jobs.append(job)

    def take(self, *, now_s: float, adapters: frozenset[str]) -> Waiting | None:
        return self._jobs.popleft() if self._jobs else None

    def finish(self, job_id: JobId, gpu_s: float) -> None:
        pass


class _ThreeQueues:
    """A queue for each tier, first come, first served inside; who is asked first differs."""

    def __init__(self) -> None:
        self._queues: dict[Tier, deque[Waiting]] = {tier: deque() for tier in Tier}

    def add(self, job: Waiting) -> None:
        self._queues[job.tier].append(job)

    def finish(self, job_id: JobId, gpu_s: float) -> None:
        pass


class RoundRobin(_ThreeQueues):
    """Celery's default order: the queue that gave a job goes to the end."""

    def __init__(self) -> None:
        super().__init__()
        self._order = deque(Tier)

    def take(self, *, now_s: float, adapters: frozenset[str]) -> Waiting | None:
        for tier in self._order:
            if self._queues[tier]:
                self._order.remove(tier)
                self._order.append(tier)
                return self._queues[tier].popleft()
        return None


class Strict(_ThreeQueues):
    """Turbo before fast before relax, always."""

    def take(self, *, now_s: float, adapters: frozenset[str]) -> Waiting | None:
        for queue in self._queues.values():
            if queue:
                return queue.popleft()
        return None


class WeightedRandom(_ThreeQueues):
    """A tier drawn by lot, 10 : 5 : 1, of those that have work."""

    def __init__(self, *, seed: int) -> None:
        super().__init__()
        self._random = Random(seed)  # noqa: S311 - a lot, not a secret

    def take(self, *, now_s: float, adapters: frozenset[str]) -> Waiting | None:
        ready = [tier for tier, queue in self._queues.items() if queue]
        if not ready:
            return None
        weights = [TIER_POLICIES[tier].weight for tier in ready]
        return self._queues[self._random.choices(ready, weights)[0]].popleft()
