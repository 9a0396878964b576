"""What a drill will do, drawn from its seed before it begins; pure."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from backend.domain.tiers import Tier

WORKERS: Final = 3
ACCOUNTS: Final = 5
STEP_S: Final = 0.1
STEPS: Final = (5, 20)
# Most of a drawing's time is its steps; the rest is claiming, checking, storing, reporting.
BESIDE_STEPS_S: Final = 0.25
GAP_S: Final = (1.0, 3.0)
PAUSE_S: Final = (1.0, 4.0)
NOTICE_S: Final = 8.0
JOBS_PER_FAULT: Final = 3
JOBS_MIN: Final = 30
# How much longer than the bare drawing the jobs may take, as faults undo some of it.
SLACK: Final = 1.2


class FaultKind(StrEnum):
    """What can be done to the processes."""

    KILL_WORKER = "kill_worker"
    PAUSE_WORKER = "pause_worker"
    HANG_WORKER = "hang_worker"
    HANG_AND_KILL_WORKER = "hang_and_kill_worker"
    NOTICE_WORKER = "notice_worker"
    KILL_DISPATCHER = "kill_dispatcher"
    KILL_BOTH_DISPATCHERS = "kill_both_dispatchers"
    KILL_GATEWAY = "kill_gateway"
    KILL_BOT = "kill_bot"
    WIPE_BROKER = "wipe_broker"
    KILL_BROKER = "kill_broker"


# How often each comes among forty; every forty faults in a row hold exactly these.
BAG: Final[dict[FaultKind, int]] = {
    FaultKind.KILL_WORKER: 9,
    FaultKind.PAUSE_WORKER: 4,
    FaultKind.HANG_WORKER: 2,
    FaultKind.HANG_AND_KILL_WORKER: 1,
    FaultKind.NOTICE_WORKER: 5,
    FaultKind.KILL_DISPATCHER: 5,
    FaultKind.KILL_BOTH_DISPATCHERS: 1,
    FaultKind.KILL_GATEWAY: 4,
    FaultKind.KILL_BOT: 3,
    FaultKind.WIPE_BROKER: 3,
    FaultKind.KILL_BROKER: 3,
}


@dataclass(frozen=True, kw_only=True)
class PlannedFault:
    """One fault, `at_s` after the drill began; `pick` in 0..1 chooses among the processes.

    `hold_s` is how long a stopped process stays stopped, or how long one has to leave by itself.
    """

    kind: FaultKind
    at_s: float
    pick: float
    hold_s: float = 0.0


@dataclass(frozen=True, kw_only=True)
class PlannedRequest:
    """One request; `is_doubled` sends it twice at once with one idempotency key."""

    number: int
    at_s: float
    account: int
    tier: Tier
    steps: int
    is_doubled: bool
    cancel_after_s: float | None
    by_discord: bool


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Requests and faults, each in order of time."""

    requests: tuple[PlannedRequest, ...]
    faults: tuple[PlannedFault, ...]

    @property
    def lasts_s(self) -> float:
        """When the last of it happens."""
        times = [request.at_s for request in self.requests]
        return max(times + [fault.at_s for fault in self.faults], default=0.0)


def jobs_for(faults: int) -> int:
    """Return how many jobs keep the workers busy while so many faults happen."""
    return max(JOBS_MIN, JOBS_PER_FAULT * faults)


def make_plan(*, jobs: int, faults: int, seed: int, hang_s: float, has_bot: bool) -> Plan:
    """Draw a plan; `hang_s` is longer than any worker may be silent and keep its job."""
    rng = random.Random(seed)  # noqa: S311 - a drill must be repeatable, not secret
    requests = _requests(jobs, rng, has_bot=has_bot)
    busy_s = sum(request.steps * STEP_S + BESIDE_STEPS_S for request in requests) / WORKERS
    drawn = _faults(faults, rng, hang_s=hang_s, has_bot=has_bot)
    span_s = max(drawn[-1].at_s if drawn else 0.0, busy_s * SLACK)
    stretch = span_s / drawn[-1].at_s if drawn else 1.0
    return Plan(
        requests=_spread(requests, span_s),
        faults=tuple(_later(fault, stretch) for fault in drawn),
    )


def _requests(count: int, rng: random.Random, *, has_bot: bool) -> list[PlannedRequest]:
    return [
        PlannedRequest(
            number=number,
            at_s=0.0,
            account=rng.randrange(ACCOUNTS),
            tier=rng.choice(tuple(Tier)),
            steps=rng.randint(*STEPS),
            is_doubled=rng.random() < 0.2,
            cancel_after_s=rng.uniform(0.2, 4.0) if rng.random() < 0.05 else None,
            by_discord=has_bot and rng.random() < 0.15,
        )
        for number in range(count)
    ]


def _spread(requests: Sequence[PlannedRequest], span_s: float) -> tuple[PlannedRequest, ...]:
    """Send a quarter at once, so that a line stands, and the rest evenly."""
    first = len(requests) // 4
    rest = max(1, len(requests) - first)
    return tuple(
        PlannedRequest(**{**vars(request), "at_s": max(0, index - first) * span_s / rest})
        for index, request in enumerate(requests)
    )


def _faults(count: int, rng: random.Random, *, hang_s: float, has_bot: bool) -> list[PlannedFault]:
    faults: list[PlannedFault] = []
    bag: list[FaultKind] = []
    at_s = 0.0
    while len(faults) < count:
        if not bag:
            bag = [kind for kind, times in BAG.items() for _ in range(times)]
            rng.shuffle(bag)
        kind = bag.pop()
        if kind is FaultKind.KILL_BOT and not has_bot:
            continue
        at_s += rng.uniform(*GAP_S)
        hold_s = _hold_s(kind, rng, hang_s)
        faults.append(PlannedFault(kind=kind, at_s=at_s, pick=rng.random(), hold_s=hold_s))
    return faults


def _hold_s(kind: FaultKind, rng: random.Random, hang_s: float) -> float:
    match kind:
        case FaultKind.PAUSE_WORKER:
            return rng.uniform(*PAUSE_S)
        case FaultKind.HANG_WORKER | FaultKind.HANG_AND_KILL_WORKER:
            return hang_s
        case FaultKind.NOTICE_WORKER:
            return NOTICE_S
        case _:
            return 0.0


def _later(fault: PlannedFault, stretch: float) -> PlannedFault:
    return PlannedFault(**{**vars(fault), "at_s": fault.at_s * stretch})
