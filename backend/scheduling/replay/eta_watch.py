"""How true the told waits are: forecasts at sampled moments of a replay, against what came."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from backend.domain.families import ModelFamily
from backend.domain.requests import JobId
from backend.scheduling.arrivals import RecentArrivals
from backend.scheduling.costs import CostModel
from backend.scheduling.eta import Eta, EtaErrors
from backend.scheduling.fair_queue import FairQueue
from backend.scheduling.forecast import Place, forecast
from backend.scheduling.waiting import Waiting

# A wait this short is told as "now", whatever its forecast.
NOW_S = 1.0
# Jobs of one forecast are right or wrong together; a few of them tell as much as all.
TOLD_AT_ONCE = 20
# How much longer than until now a job is reckoned to wait that has waited longer than it was told.
OVERRUN = 1.3


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """What a waiting job was told, and how long it then really waited."""

    expected_s: float
    eta: Eta
    waited_s: float


@dataclass(kw_only=True)
class EtaTally:
    """Everything that was told, first forecasts only."""

    told: list[Told] = field(default_factory=list)

    def coverage(self, *, is_p90: bool = True) -> float:
        """Return the share of jobs that began within their p90 (or p50)."""
        kept = sum(
            each.waited_s <= (each.eta.p90_s if is_p90 else each.eta.p50_s) + 1e-9
            for each in self.told
        )
        return kept / len(self.told) if self.told else 1.0

    def median_error(self) -> float:
        """Return the median of |p50 - wait| / wait, of waits that are worth telling."""
        errors = sorted(
            abs(each.eta.p50_s - each.waited_s) / each.waited_s
            for each in self.told
            if each.waited_s > NOW_S
        )
        return errors[len(errors) // 2] if errors else 0.0


class EtaWatch:
    """Forecasts every `every_s` of replayed time, and learns from how that turned out."""

    def __init__(
        self,
        *,
        family: ModelFamily,
        queue: FairQueue,
        costs: CostModel,
        slots: int,
        every_s: float,
        tally: EtaTally,
    ) -> None:
        self._family = family
        self._queue = queue
        self._costs = costs
        self._slots = slots
        self._every_s = every_s
        self._tally = tally
        self._next_s = 0.0
        self._recent = RecentArrivals()
        self._errors = EtaErrors()
        self._late: set[JobId] = set()
        self._open: dict[JobId, tuple[Place, Eta, float]] = {}

    def arrived(self, job: Waiting) -> None:
        self._recent.count(job)

    def began(self, job_id: JobId, now_s: float) -> None:
        told = self._open.pop(job_id, None)
        if told is not None:
            place, eta, told_s = told
            waited_s = now_s - told_s
            if job_id not in self._late:
                self._errors.learn(place, eta, waited_s)
            self._late.discard(job_id)
            self._tally.told.append(Told(expected_s=place.expected_s, eta=eta, waited_s=waited_s))

    def looked(self, now_s: float, ends_s: Mapping[JobId, float]) -> None:
        if now_s < self._next_s or not len(self._queue):
            return
        self._next_s = now_s + self._every_s
        seen = forecast(
            self._queue,
            now_s=now_s,
            slots=self._slots,
            left_s={job_id: end_s - now_s for job_id, end_s in ends_s.items()},
            expected=self._recent.expected(now_s),
            spread=self._costs.spread(self._family),
        )
        for job_id, (place, eta, told_s) in self._open.items():
            # Who waits on says as much as who began, and says it sooner.
            if now_s - told_s > eta.p90_s and job_id not in self._late:
                self._late.add(job_id)
                self._errors.learn(place, eta, OVERRUN * (now_s - told_s))
        new = [entry for entry in seen.places.items() if entry[0] not in self._open]
        for job_id, place in new[:: max(1, len(new) // TOLD_AT_ONCE)]:
            self._open[job_id] = (place, self._errors.eta(place), now_s)
