"""The replay of one family: GPUs that draw, a line that decides, and a clock that only counts."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush
from math import inf
from typing import Protocol

from backend.domain.requests import AccountId, JobId
from backend.scheduling.costs import CostModel, JobKind
from backend.scheduling.replay.policies import Policy
from backend.scheduling.replay.trace import Arrival
from backend.scheduling.waiting import NOTHING, Waiting

ADAPTERS_HELD = 8
COLD_SWITCH_S = 0.3


@dataclass(kw_only=True)
class Replayed:
    """What became of each arrival, by its place in the trace."""

    starts_s: list[float]
    took_s: list[float]
    # In order of beginning.
    order: list[int] = field(default_factory=list)
    cold_loads: int = 0


class Watcher(Protocol):
    """Looks on while a replay is played."""

    def arrived(self, job: Waiting) -> None:
        """See a job join the line."""

    def began(self, job_id: JobId, now_s: float) -> None:
        """See a job begin."""

    def looked(self, now_s: float, ends_s: Mapping[JobId, float]) -> None:
        """Look at the line after each event; `ends_s` is when running jobs are expected to end."""


class _Gpu:
    __slots__ = ("held", "holding")

    def __init__(self) -> None:
        self.held: OrderedDict[str, None] = OrderedDict()
        self.holding = NOTHING

    def load(self, adapter: str) -> bool:
        """Use an adapter; False if it had to be loaded."""
        if adapter in self.held:
            self.held.move_to_end(adapter)
            return True
        self.held[adapter] = None
        if len(self.held) > ADAPTERS_HELD:
            self.held.popitem(last=False)
        self.holding = frozenset(self.held)
        return False


class Replay:
    """Plays a trace of one family."""

    def __init__(
        self,
        arrivals: Sequence[Arrival],
        *,
        gpus: int,
        policy: Policy,
        costs: CostModel,
        watcher: Watcher | None = None,
    ) -> None:
        self._arrivals = arrivals
        self._policy = policy
        self._costs = costs
        self._watcher = watcher
        self._gpus = [_Gpu() for _ in range(gpus)]
        self._idle = list(range(gpus))
        self._ends: list[tuple[float, int, int]] = []
        self._predicted_ends: dict[JobId, float] = {}
        self._kinds: dict[tuple[int, bool], JobKind] = {}
        self.outcome = Replayed(starts_s=[inf] * len(arrivals), took_s=[0.0] * len(arrivals))

    def play(self) -> Replayed:
        """Play until everything is drawn."""
        next_place, count = 0, len(self._arrivals)
        while next_place < count or self._ends:
            arrives_s = self._arrivals[next_place].arrival_s if next_place < count else inf
            if self._ends and self._ends[0][0] <= arrives_s:
                now_s, gpu, place = heappop(self._ends)
                self._end(gpu, place)
            else:
                now_s = arrives_s
                self._arrive(next_place)
                next_place += 1
                # Whoever came at the same moment is in line before anything is decided.
                if next_place < count and self._arrivals[next_place].arrival_s == now_s:
                    continue
            self._hand_out(now_s)
            if self._watcher is not None:
                self._watcher.looked(now_s, self._predicted_ends)
        return self.outcome

    def _arrive(self, place: int) -> None:
        arrival = self._arrivals[place]
        adapters = frozenset((arrival.adapter,)) if arrival.adapter else NOTHING
        job = Waiting(
            job_id=JobId(str(place)),
            account=AccountId(arrival.user),
            tier=arrival.tier,
            cost_s=self._costs.predict_s(self._kind(arrival)),
            arrived_s=arrival.arrival_s,
            adapters=adapters,
        )
        self._policy.add(job)
        if self._watcher is not None:
            self._watcher.arrived(job)
        if adapters:
            # An idle GPU that holds the adapter is asked first.
            self._idle.sort(key=lambda gpu: arrival.adapter in self._gpus[gpu].held)

    def _hand_out(self, now_s: float) -> None:
        while self._idle:
            number = self._idle[-1]
            gpu = self._gpus[number]
            job = self._policy.take(now_s=now_s, adapters=gpu.holding)
            if job is None:
                return
            self._idle.pop()
            self._begin(gpu, number, int(job.job_id), now_s, job.cost_s)

    def _begin(self, gpu: _Gpu, number: int, place: int, now_s: float, cost_s: float) -> None:
        arrival = self._arrivals[place]
        took_s = arrival.gpu_s
        if arrival.adapter and not gpu.load(arrival.adapter):
            took_s += COLD_SWITCH_S
            self.outcome.cold_loads += 1
        self.outcome.starts_s[place] = now_s
        self.outcome.took_s[place] = took_s
        self.outcome.order.append(place)
        job_id = JobId(str(place))
        self._predicted_ends[job_id] = now_s + cost_s
        if self._watcher is not None:
            self._watcher.began(job_id, now_s)
        heappush(self._ends, (now_s + took_s, number, place))

    def _end(self, number: int, place: int) -> None:
        took_s = self.outcome.took_s[place]
        job_id = JobId(str(place))
        del self._predicted_ends[job_id]
        self._policy.finish(job_id, took_s)
        self._costs.learn(self._kind(self._arrivals[place]), took_s)
        self._idle.append(number)

    def _kind(self, arrival: Arrival) -> JobKind:
        key = (arrival.images, bool(arrival.adapter))
        kind = self._kinds.get(key)
        if kind is None:
            kind = self._kinds[key] = JobKind(
                family=arrival.family, images=arrival.images, adapters=int(bool(arrival.adapter))
            )
        return kind
