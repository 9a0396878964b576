"""One family's line as it was at a moment, to be run forward away from those who change it."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from backend.domain.families import ModelFamily
from backend.domain.outlook import Outlook
from backend.domain.requests import JobId
from backend.scheduling.eta import Eta, EtaErrors
from backend.scheduling.explain import explain
from backend.scheduling.fair_queue import FairQueue
from backend.scheduling.forecast import Place, forecast
from backend.scheduling.memory import QueueMemory
from backend.scheduling.rules import FairRules
from backend.scheduling.waiting import Waiting


@dataclass(frozen=True, kw_only=True, slots=True)
class Foreseen:
    """What is expected of one waiting job, and how that is put into words."""

    place: Place
    eta: Eta
    outlook: Outlook


@dataclass(frozen=True, kw_only=True)
class Foresight:
    """All that a look ahead needs; nothing in it changes any more, so a thread may use it."""

    family: ModelFamily
    now_s: float
    slots: int
    rules: FairRules
    memory: QueueMemory
    waiting: Sequence[Waiting]
    left_s: Mapping[JobId, float]
    expected: Iterator[tuple[float, Waiting]]
    spread: Sequence[float]
    errors: EtaErrors

    def look_ahead(self) -> dict[JobId, Foreseen]:
        """Run the line forward and say of every waiting job when it will probably begin."""
        if not self.waiting:
            return {}
        queue = FairQueue(rules=self.rules, memory=self.memory)
        for job in self.waiting:
            queue.add(job)
        seen = forecast(
            queue,
            now_s=self.now_s,
            slots=self.slots,
            left_s=self.left_s,
            expected=self.expected,
            spread=self.spread,
            uses_up=True,
        )
        running = Counter((charge.account, charge.tier) for charge in self.memory.running)
        foreseen = {}
        for job in self.waiting:
            place = seen.place(job.job_id)
            if place is not None:
                own = running[job.account, job.tier]
                most = self.rules.tiers[job.tier].running_max
                foreseen[job.job_id] = self._put_into_words(place, own, most)
        return foreseen

    def _put_into_words(self, place: Place, running: int, running_max: int | None) -> Foreseen:
        eta = self.errors.eta(place)
        return Foreseen(
            place=place,
            eta=eta,
            outlook=Outlook(
                position=place.position,
                p50_s=round(eta.p50_s, 1),
                p90_s=round(eta.p90_s, 1),
                why=explain(
                    place,
                    family=self.family,
                    slots=self.slots,
                    running=running,
                    running_max=running_max,
                ),
            ),
        )
