"""One family's fair queue, kept in step with the job table, which is the truth.

What it was charged, learned and promised is stored as a document after every change, so that the
next leader decides as this one would have; rows it has never heard of, or that went elsewhere
without it, are found again by looking.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any

from backend.domain.families import ModelFamily
from backend.domain.jobs import Job, JobState
from backend.domain.requests import JobId
from backend.domain.tiers import Tier
from backend.scheduling.arrivals import RecentArrivals
from backend.scheduling.costs import CostModel
from backend.scheduling.eta import Eta, EtaErrors
from backend.scheduling.fair_queue import ANYONE, FairQueue
from backend.scheduling.forecast import Place
from backend.scheduling.gauges import FamilyGauges
from backend.scheduling.memory import memory_of
from backend.scheduling.meter import Begun, Meter
from backend.scheduling.rules import FairRules
from backend.scheduling.waiting import Credit, Waiting
from backend.service.foresight import Foreseen, Foresight
from backend.service.ports import Clock, InLine, JobStore, QueueDocuments

LOOK_ALL_S = 5.0
# Rows are committed out of order: a look at newcomers begins this many before the newest known.
LOOK_BACK = 200
TOLD_MAX = 20_000


@dataclass(frozen=True, kw_only=True, slots=True)
class _Told:
    """What somebody was told first, to learn from how it turned out."""

    place: Place
    eta: Eta
    at_s: float


class Turns:
    """Decides whose turn it is in one family. Whoever looks or takes holds `lock` meanwhile.

    It `is_open` once it has looked for the first time.
    """

    def __init__(
        self,
        *,
        family: ModelFamily,
        jobs: JobStore,
        documents: QueueDocuments,
        clock: Clock,
        rules: FairRules | None = None,
    ) -> None:
        self.lock = asyncio.Lock()
        self._family = family
        self._jobs = jobs
        self._documents = documents
        self._clock = clock
        self._rules = rules or FairRules()
        self._queue = FairQueue(rules=self._rules)
        self._costs = CostModel()
        self._errors = EtaErrors()
        self._arrivals = RecentArrivals()
        self._meter = Meter()
        # Whose turn it was, but who may yet turn out to have gone elsewhere.
        self._taken: dict[JobId, Begun] = {}
        self._left_s: dict[JobId, float] = {}
        self._told: dict[JobId, _Told] = {}
        self._newest = 0
        self._looked_s = -float("inf")
        self.is_open = False
        self._is_changed = False

    @property
    def is_empty(self) -> bool:
        """Whether nobody waited at the last look."""
        return self.is_open and not len(self._queue)

    async def look(self) -> None:
        """Bring the line up to date: newcomers each time, everything now and then."""
        if not self.is_open:
            await self._open()
        await self._settle()
        now_s = self._now_s()
        if now_s - self._looked_s >= LOOK_ALL_S:
            await self._look_at_all()
            self._looked_s = now_s
        else:
            after = max(0, self._newest - LOOK_BACK)
            for row in await self._jobs.in_line(self._family, after=after):
                self._meet(row)

    def forget_looks(self) -> None:
        """Look at everything next time: a job came back in a way that newcomers do not."""
        self._looked_s = -float("inf")

    def take(self, *, slots: int, credit: Credit = ANYONE) -> Waiting | None:
        """Return whose turn it is, charged to its owner; None if nobody's.

        `credit` says which adapters the askers hold. Of a job each: batches are not formed here.
        """
        now_s = self._now_s()
        turn = self._queue.take(now_s=now_s, slots=slots, credit=credit)
        if turn is None:
            return None
        self._is_changed = True
        job = turn.jobs[0]
        self._left_s[job.job_id] = job.cost_s
        self._taken[job.job_id] = self._meter.begun(turn, self._queue, at_s=now_s)
        return job

    def drop(self, job_id: JobId) -> None:
        """Undo the charge of a job that could not be leased: it has gone elsewhere."""
        self._is_changed |= self._queue.give_back(job_id)
        self._left_s.pop(job_id, None)
        self._taken.pop(job_id, None)

    async def remember(self) -> None:
        """Store what must outlive this process, if it changed."""
        self._count_taken()
        if not self._is_changed:
            return
        self._is_changed = False
        await self._documents.save(
            self._family,
            {
                "queue": self._queue.memory().as_json(),
                "costs": self._costs.as_json(),
                "eta": self._errors.as_json(),
                "meter": self._meter.as_json(),
            },
        )

    def foresight(self, *, slots: int) -> Foresight:
        """Return the line as it is now, to be run forward elsewhere."""
        now_s = self._now_s()
        expected = self._arrivals.expected(now_s)
        return Foresight(
            family=self._family,
            now_s=now_s,
            slots=slots,
            rules=self._rules,
            memory=self._queue.memory(),
            waiting=self._queue.waiting(),
            left_s=dict(self._left_s),
            # The first arrival is drawn here: from then on nothing is read that changes.
            expected=chain(list(islice(expected, 1)), expected),
            spread=self._costs.spread(self._family),
            errors=EtaErrors(document=self._errors.as_json()),
        )

    def note_told(self, foreseen: Mapping[JobId, Foreseen], *, at_s: float) -> None:
        """Note what waiting jobs are told for the first time, to learn from how it turns out."""
        for job_id, told in foreseen.items():
            if len(self._told) >= TOLD_MAX:
                return
            if job_id not in self._told and job_id in self._queue:
                self._told[job_id] = _Told(place=told.place, eta=told.eta, at_s=at_s)

    async def gauges(self, *, slots: int) -> FamilyGauges:
        """Return what an operator is told of this line."""
        handed_out = Counter[Tier]()
        for (tier, _), count in (await self._jobs.in_flight(self._family)).items():
            handed_out[tier] += count
        return self._meter.read(
            self._queue,
            now_s=self._now_s(),
            slots=slots,
            handed_out=handed_out,
            left_s=self._left_s,
        )

    async def _open(self) -> None:
        document: Mapping[str, Any] = await self._documents.load(self._family) or {}
        self._queue = FairQueue(rules=self._rules, memory=memory_of(document.get("queue", {})))
        self._costs = CostModel(document=document.get("costs"))
        self._errors = EtaErrors(document=document.get("eta"))
        self._meter = Meter(document=document.get("meter"), charged_s=self._queue.served_s())
        self.is_open = True

    async def _look_at_all(self) -> None:
        """Let exactly the waiting rows wait, and charge what was leased without our knowledge.

        Only what is new to us is read in full: ten thousand rows would take half a second.
        """
        standing = await self._jobs.standing(self._family)
        running = self._queue.running()
        known = {job.job_id: job for job in self._queue.waiting()}
        new = [
            each.job_id
            for each in standing
            if each.job_id not in running and (each.is_leased or each.job_id not in known)
        ]
        for row in await self._jobs.in_line(self._family, among=new) if new else ():
            known[row.job_id] = self._waiting(row)
        self._queue.sync(
            known[each.job_id] for each in standing if not each.is_leased and each.job_id in known
        )
        for each in standing:
            self._newest = max(self._newest, each.sequence)
            if each.is_leased and each.job_id not in running and each.job_id in known:
                self._queue.resume(known[each.job_id], slots=1)
                self._is_changed = True
        waiting = {each.job_id for each in standing}
        for job_id in [job_id for job_id in self._told if job_id not in waiting]:
            del self._told[job_id]

    def _meet(self, row: InLine) -> None:
        if row.sequence > self._newest:
            self._newest = row.sequence
        if row.is_leased or row.job_id in self._queue.running() or row.job_id in self._queue:
            return
        job = self._waiting(row)
        self._queue.add(job)
        self._arrivals.count(job)

    async def _settle(self) -> None:
        """Book what became of the jobs that were handed out."""
        running = self._queue.running()
        rows = await self._jobs.many(list(running))
        for job_id in list(running):
            job = rows.get(job_id)
            if job is None or job.is_terminal:
                self._end(job_id, job)
            elif job.is_waiting:
                self.drop(job_id)
                self.forget_looks()
            else:
                self._left_s[job_id] = running[job_id].cost_s * _left_share(job)

    def _end(self, job_id: JobId, job: Job | None) -> None:
        self._is_changed = True
        cost_s = self._queue.running()[job_id].cost_s
        self._left_s.pop(job_id, None)
        match None if job is None else job.state:
            case JobState.DELIVERED:
                gpu_s = _gpu_s(job)
                if gpu_s is not None and job is not None:
                    self._costs.learn_job(job.spec, gpu_s=gpu_s, pixels=_pixels(job))
                self._queue.finish(job_id, gpu_s)
            case JobState.CANCELLED:
                self._queue.finish(job_id, cost_s * (1 - _left_share(job)))
            case JobState.FAILED:
                # Nobody pays for what went wrong on our side.
                self._queue.give_back(job_id)
            case _:
                self._queue.finish(job_id)

    def _count_taken(self) -> None:
        """Count the jobs whose turn came, and learn from how long they waited."""
        for job_id, begun in self._taken.items():
            self._meter.begin(begun)
            told = self._told.pop(job_id, None)
            if told is not None:
                waited_s = begun.at_s - told.at_s
                self._errors.learn(told.place, told.eta, waited_s)
                self._meter.keep(
                    told.place.tier,
                    p50=waited_s <= told.eta.p50_s,
                    p90=waited_s <= told.eta.p90_s,
                )
        self._taken.clear()

    def _waiting(self, row: InLine) -> Waiting:
        return Waiting(
            job_id=row.job_id,
            account=row.account_id,
            tier=row.spec.tier,
            cost_s=self._costs.predict_s(self._costs.kind_of(row.spec)),
            arrived_s=row.created_at.timestamp(),
            adapters=frozenset(row.spec.adapters),
        )

    def _now_s(self) -> float:
        return self._clock().timestamp()


def _gpu_s(job: Job | None) -> float | None:
    """Return the seconds a delivered job held the GPU."""
    return None if job is None or job.result is None else job.result.timings.gpu_s


def _pixels(job: Job) -> int:
    """Return how many pixels each picture of a delivered job has."""
    images = job.images
    return images[0].width * images[0].height if images else 0


def _left_share(job: Job | None) -> float:
    """Return how much of a job is still to be drawn, 0 to 1."""
    return 1.0 if job is None else 1.0 - job.drawn_share


OpenTurns = Callable[[ModelFamily], Turns]
