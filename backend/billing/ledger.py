"""What jobs cost: the entries that each move of a job adds to the books; pure.

While a job is in line or being drawn, its predicted cost is held on its account. When it leaves,
whichever way, the hold is refunded, and what it used is settled: all of a delivery, and of a
cancelled job the share that was drawn. What failed or is held back by a check costs nothing. So
the entries of a job that has ended add up to its charge.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Self, assert_never

from backend.domain.events import JobEventKind
from backend.domain.jobs import Change, Job, JobState


class EntryKind(StrEnum):
    """Why an amount was booked."""

    HOLD = "hold"
    REFUND = "refund"
    SETTLE = "settle"


@dataclass(frozen=True, kw_only=True)
class Entry:
    """An amount to be booked, in whole GPU-milliseconds so that sums are exact.

    `stay` numbers the times a job came into line, from 0: a hold and a refund may happen once in
    each, as a moderator may release a job whose hold was refunded. A settlement happens once in a
    job's life and is numbered 0.
    """

    kind: EntryKind
    stay: int
    gpu_ms: int


@dataclass(frozen=True, kw_only=True)
class Balance:
    """What an account was charged in all, and what is held for its unfinished jobs, GPU-seconds."""

    charged_s: float = 0.0
    held_s: float = 0.0

    @classmethod
    def of(cls, sums: Mapping[EntryKind, int]) -> Self:
        """Draw the balance of an account from the sums of its entries, in milliseconds."""
        held_ms = sums.get(EntryKind.HOLD, 0) + sums.get(EntryKind.REFUND, 0)
        return cls(charged_s=sums.get(EntryKind.SETTLE, 0) / 1000, held_s=held_ms / 1000)


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What a job costs as it stands now, in GPU-seconds.

    `held_s` is what it will probably cost, while it is not finished; `refunded_s` is what of that
    was not charged in the end.
    """

    held_s: float
    charged_s: float
    refunded_s: float


def entries_of(change: Change) -> tuple[Entry, ...]:
    """Return what a change adds to the books; amounts of nothing are left out but for deliveries.

    The change and its entries are committed together.
    """
    job = change.job
    match change.event.kind:
        case JobEventKind.QUEUED | JobEventKind.RELEASED:
            return _held(job, EntryKind.HOLD, held_ms(job))
        case JobEventKind.DELIVERED:
            settled = Entry(kind=EntryKind.SETTLE, stay=0, gpu_ms=charged_ms(job))
            return (*_held(job, EntryKind.REFUND, -held_ms(job)), settled)
        case JobEventKind.CANCELLED:
            charged = charged_ms(job)
            settled = Entry(kind=EntryKind.SETTLE, stay=0, gpu_ms=charged)
            return (
                *_held(job, EntryKind.REFUND, -held_ms(job)),
                *((settled,) if charged else ()),
            )
        case JobEventKind.BLOCKED if job.version == 0:
            # Held back at birth, it was never in line.
            return ()
        case JobEventKind.BLOCKED | JobEventKind.FAILED:
            return _held(job, EntryKind.REFUND, -held_ms(job))
        case (
            JobEventKind.DISPATCHED
            | JobEventKind.STARTED
            | JobEventKind.PROGRESS
            | JobEventKind.PREVIEW
            | JobEventKind.RETURNED
        ):
            return ()
        case _:
            assert_never(change.event.kind)


def held_ms(job: Job) -> int:
    """Return what is held for a job while it is unfinished."""
    return round(1000 * job.predicted_s)


def charged_ms(job: Job) -> int:
    """Return what a job costs as it stands now.

    A cancelled one is charged for the share of its predicted cost that was drawn: how long a
    worker was at it in truth is known only of what it has finished.
    """
    match job.state:
        case JobState.DELIVERED:
            return 0 if job.result is None else round(1000 * job.result.timings.gpu_s)
        case JobState.CANCELLED:
            return round(1000 * job.predicted_s * job.drawn_share)
        case JobState.QUEUED | JobState.RENDERING | JobState.BLOCKED | JobState.FAILED:
            return 0
        case _:
            assert_never(job.state)


def cost_of(job: Job) -> Cost:
    """Return what a job costs as it stands now."""
    held, charged = held_ms(job), charged_ms(job)
    if not job.is_terminal:
        return Cost(held_s=held / 1000, charged_s=0.0, refunded_s=0.0)
    return Cost(held_s=0.0, charged_s=charged / 1000, refunded_s=max(0, held - charged) / 1000)


def _held(job: Job, kind: EntryKind, gpu_ms: int) -> tuple[Entry, ...]:
    return (Entry(kind=kind, stay=len(job.clearances), gpu_ms=gpu_ms),) if gpu_ms else ()
