"""The books after a drill: what became of every job, by the database's word; pure."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from math import ceil

from backend.billing.ledger import Entry, charged_ms
from backend.domain.events import JobEvent, JobEventKind
from backend.domain.jobs import Job, JobState
from backend.domain.requests import JobId


@dataclass(frozen=True, kw_only=True)
class Told:
    """What the world outside was told, to be held against the database.

    `accepted`: the ids clients were given, by request. `announced`: the attempts whose delivery the
    event stream announced, by job. `shown_twice`: jobs whose end stands in two Discord messages.
    """

    accepted: Mapping[int, Collection[JobId]]
    announced: Mapping[JobId, Collection[int]]
    shown_twice: Collection[JobId] = ()


@dataclass(frozen=True, kw_only=True)
class Charges:
    """GPU-seconds charged, and the jobs charged more than they cost."""

    twice: frozenset[JobId]
    total_s: float


@dataclass(frozen=True, kw_only=True)
class Ledger:
    """What a drill prints; times are seconds, None where nothing was measured."""

    submitted: int
    delivered: int
    failed: int
    blocked: int
    cancelled: int
    lost: int
    delivered_twice: int
    charged_twice: int
    ledger_sum: float
    recovery_p50_s: float | None
    recovery_p95_s: float | None

    @property
    def is_clean(self) -> bool:
        """Whether nothing was lost and nothing came or was charged twice."""
        return not (self.lost or self.delivered_twice or self.charged_twice)


def make_ledger(
    *,
    jobs: Sequence[Job],
    events: Sequence[JobEvent],
    entries: Mapping[JobId, Sequence[Entry]],
    told: Told,
    recoveries_s: Sequence[float],
) -> Ledger:
    """Draw up the books."""
    states = Counter(job.state for job in jobs)
    known = {job.id for job in jobs}
    promised = {job_id for ids in told.accepted.values() for job_id in ids}
    charges = charge(jobs, entries)
    return Ledger(
        submitted=len(known | promised),
        delivered=states[JobState.DELIVERED],
        failed=states[JobState.FAILED],
        blocked=states[JobState.BLOCKED],
        cancelled=states[JobState.CANCELLED],
        lost=sum(not job.is_terminal for job in jobs) + len(promised - known),
        delivered_twice=_delivered_twice(events, told),
        charged_twice=len(charges.twice),
        ledger_sum=round(charges.total_s, 3),
        recovery_p50_s=quantile(recoveries_s, 0.5),
        recovery_p95_s=quantile(recoveries_s, 0.95),
    )


def charge(jobs: Sequence[Job], entries: Mapping[JobId, Sequence[Entry]]) -> Charges:
    """Add up the books; a job that ended and was booked more than it costs was charged twice."""
    booked_ms = {job_id: sum(each.gpu_ms for each in booked) for job_id, booked in entries.items()}
    twice = frozenset(
        job.id for job in jobs if job.is_terminal and booked_ms.get(job.id, 0) > charged_ms(job)
    )
    return Charges(twice=twice, total_s=sum(booked_ms.values()) / 1000)


def quantile(values: Sequence[float], share: float) -> float | None:
    """Return the smallest value that so large a share of all does not exceed."""
    if not values:
        return None
    return round(sorted(values)[max(0, ceil(share * len(values)) - 1)], 3)


def _delivered_twice(events: Sequence[JobEvent], told: Told) -> int:
    """Count jobs committed or announced as delivered twice, and requests that became two jobs."""
    committed = Counter(event.job_id for event in events if event.kind is JobEventKind.DELIVERED)
    jobs = {job_id for job_id, times in committed.items() if times > 1}
    jobs |= {job_id for job_id, attempts in told.announced.items() if len(set(attempts)) > 1}
    jobs |= set(told.shown_twice)
    return len(jobs) + sum(len(set(ids)) > 1 for ids in told.accepted.values())
