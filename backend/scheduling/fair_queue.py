"""Whose turn it is in one family's line: stride over tiers, the least-served account inside.

Everything is charged in predicted GPU-seconds when it begins and corrected when it ends. The class
holds an index over the waiting rows, so that a decision costs microseconds; it knows no clock, no
database and no chance, and all it must remember fits in a `QueueMemory`.
"""

from collections.abc import Iterable, Mapping, Sequence

from backend.domain.requests import AccountId, JobId
from backend.domain.tiers import Tier
from backend.scheduling.memory import Charge, QueueMemory, TierMemory
from backend.scheduling.recent_use import RecentUse
from backend.scheduling.rules import FairRules
from backend.scheduling.shares import due_shares
from backend.scheduling.tier_line import TierLine
from backend.scheduling.waiting import Credit, Turn, Waiting

ANYONE = Credit()
FORGET_EVERY = 1000
TIERS = tuple(Tier)
# How finely the use of the GPUs is looked at; shares are remembered for each step.
USE_STEPS = 64


class FairQueue:
    """One family's line."""

    def __init__(
        self, *, rules: FairRules | None = None, memory: QueueMemory | None = None
    ) -> None:
        self._rules = rules or FairRules()
        memory = memory or QueueMemory()
        self._lines = {
            tier: TierLine(running_max=self._rules.tiers[tier].running_max) for tier in TIERS
        }
        self._passed = {tier: memory.tiers[tier].passed_s for tier in TIERS}
        self._totals = {tier: memory.tiers[tier].total_s for tier in TIERS}
        self._virtual_s = memory.virtual_s
        self._was_ready = {tier: memory.tiers[tier].is_ready for tier in TIERS}
        at_s, total, upper, promoted, since_promotion = memory.recent
        self._recent = RecentUse(
            window_s=self._rules.window_s,
            at_s=at_s,
            total=total,
            upper=upper,
            promoted=promoted,
            since_promotion=since_promotion,
        )
        self._promotions = {tier: memory.tiers[tier].promotions for tier in TIERS}
        self._ended = {tier: memory.tiers[tier].ended_s for tier in TIERS}
        self._waiting: dict[JobId, tuple[Waiting, int]] = {}
        self._running: dict[JobId, Charge] = {}
        self._shares: dict[tuple[tuple[Tier, ...], int], dict[Tier, float]] = {}
        self._next_number = self._upper_running = self._decisions = 0
        for tier in TIERS:
            self._lines[tier].restore(
                dict(memory.tiers[tier].served_s), memory.tiers[tier].virtual_s
            )
        for charge in memory.running:
            self._running[charge.job_id] = charge
            self._upper_running += charge.tier is not Tier.RELAX
            self._lines[charge.tier].resume(charge.account, charge.cost_s, is_charged=True)

    # What waits

    def __len__(self) -> int:
        """Count the waiting jobs."""
        return len(self._waiting)

    def __contains__(self, job_id: JobId) -> bool:
        """Whether the job waits."""
        return job_id in self._waiting

    def add(self, job: Waiting) -> None:
        """Let a job wait; one that waits already is left as it is."""
        if job.job_id in self._waiting:
            return
        self._next_number += 1
        self._waiting[job.job_id] = (job, self._next_number)
        self._lines[job.tier].add(job, self._next_number)

    def discard(self, job_id: JobId) -> bool:
        """Take a job out of the line; False if it does not wait."""
        entry = self._waiting.pop(job_id, None)
        if entry is None:
            return False
        self._lines[entry[0].tier].remove(*entry)
        return True

    def sync(self, rows: Iterable[Waiting]) -> None:
        """Let exactly these jobs wait."""
        wanted = {row.job_id: row for row in rows}
        for job_id in [job_id for job_id in self._waiting if job_id not in wanted]:
            self.discard(job_id)
        for row in wanted.values():
            self.add(row)

    def waiting(self) -> list[Waiting]:
        """Return the waiting jobs, in the order they were added."""
        return [job for job, _ in self._waiting.values()]

    def waiting_of(self, account: AccountId, tier: Tier) -> int:
        """Count an account's waiting jobs in a tier."""
        return self._lines[tier].waiting_of(account)

    def accounts(self, tier: Tier) -> list[AccountId]:
        """Return who may begin a job in a tier, the least-served account first."""
        return self._lines[tier].accounts()

    def may_begin(self, account: AccountId, tier: Tier) -> bool:
        """Whether an account has a job that may begin in a tier."""
        return self._lines[tier].may_begin(account)

    def depths(self) -> dict[Tier, int]:
        """Count the waiting jobs of each tier."""
        return {tier: self._lines[tier].count for tier in TIERS}

    def oldest_s(self) -> dict[Tier, float]:
        """Return when the oldest job of each tier came, of accounts that may begin one."""
        ages = {tier: self._lines[tier].oldest_s() for tier in TIERS}
        return {tier: age_s for tier, age_s in ages.items() if age_s is not None}

    # Whose turn it is

    def take(self, *, now_s: float, slots: int, credit: Credit = ANYONE) -> Turn | None:
        """Decide what the asking worker draws next, and charge it; None if nothing may begin.

        `slots` is how many jobs all live workers of the family draw at once.
        """
        self._recent.fade(now_s)
        ready = self._ready()
        if not ready:
            return None
        shares = self._due_shares(ready, slots)
        job = self._overdue(now_s)
        is_promoted = job is not None
        if job is None:
            job = self._due(ready, shares, credit)
        jobs = [job]
        self._start(job, shares[job.tier], is_promoted=is_promoted)
        while len(jobs) < credit.jobs_max:
            rider = self._rider(job)
            if rider is None:
                break
            jobs.append(rider)
            self._start(rider, shares[rider.tier], is_promoted=False)
        for tier in TIERS:
            self._was_ready[tier] = bool(self._lines[tier])
        self._forget()
        return Turn(jobs=tuple(jobs), worker=credit.worker, is_promoted=is_promoted, shares=shares)

    def finish(self, job_id: JobId, gpu_s: float | None = None) -> bool:
        """Let a running job end: its charge becomes what it took, if that is known.

        False if the job is not known to run, as after a report that came twice.
        """
        charge = self._running.get(job_id)
        if charge is None:
            return False
        self._end(charge, 0.0 if gpu_s is None else max(0.0, gpu_s) - charge.cost_s)
        return True

    def give_back(self, job_id: JobId) -> bool:
        """Undo the charge of a job that comes back to the line or never began; False if unknown.

        To let it wait again, `add` it with the time it first arrived.
        """
        charge = self._running.get(job_id)
        if charge is None:
            return False
        self._end(charge, -charge.cost_s)
        return True

    def resume(self, job: Waiting, *, slots: int) -> None:
        """Charge a job that began without this line's knowledge, unless it is known to run."""
        if job.job_id in self._running:
            return
        self.discard(job.job_id)
        share = self._due_shares(TIERS, slots)[job.tier]
        self._lines[job.tier].resume(job.account, job.cost_s, is_charged=False)
        self._charge(job, share, is_promoted=False)

    def running(self) -> Mapping[JobId, Charge]:
        """Return what runs, and what each was charged."""
        return self._running

    # What is told of it

    def memory(self) -> QueueMemory:
        """Return what must be kept to go on after a crash."""
        return QueueMemory(
            virtual_s=self._virtual_s,
            tiers={
                tier: TierMemory(
                    passed_s=self._passed[tier],
                    virtual_s=line.virtual_s,
                    served_s={
                        member.account: member.served_s
                        for member in line.members()
                        if member.jobs or member.served_s > line.virtual_s
                    },
                    is_ready=self._was_ready[tier],
                    total_s=self._totals[tier],
                    ended_s=self._ended[tier],
                    promotions=self._promotions[tier],
                )
                for tier, line in self._lines.items()
            },
            recent=(
                self._recent.at_s,
                self._recent.total,
                self._recent.upper,
                self._recent.promoted,
                self._recent.since_promotion,
            ),
            running=tuple(self._running.values()),
        )

    def copy(self) -> "FairQueue":
        """Return a line that decides as this one would, for looking ahead."""
        other = FairQueue(rules=self._rules, memory=self.memory())
        for job, _ in sorted(self._waiting.values(), key=lambda entry: entry[1]):
            other.add(job)
        return other

    def served_s(self) -> dict[Tier, float]:
        """Return the GPU-seconds each tier was charged since the beginning."""
        return dict(self._totals)

    def ended_s(self) -> dict[Tier, float]:
        """Return the GPU-seconds of each tier's jobs that ended: these are never corrected."""
        return dict(self._ended)

    def promotions(self) -> dict[Tier, int]:
        """Count the overdue jobs of each tier that were drawn out of turn."""
        return dict(self._promotions)

    # How it is decided

    def _ready(self) -> tuple[Tier, ...]:
        """Return the tiers that have something to draw; newly ready ones bring no credit."""
        ready = tuple(tier for tier in TIERS if self._lines[tier])
        for tier in ready:
            if not self._was_ready[tier]:
                self._passed[tier] = max(self._passed[tier], self._virtual_s)
        return ready

    def _due_shares(self, ready: tuple[Tier, ...], slots: int) -> dict[Tier, float]:
        # A burst ends a quiet time at once, not only when five minutes have shown it.
        upper_use = max(self._recent.upper_use(slots), self._upper_running / max(1, slots))
        use = min(USE_STEPS, round(upper_use * USE_STEPS))
        shares = self._shares.get((ready, use))
        if shares is None:
            weights = {tier: self._rules.weight(tier, upper_use=use / USE_STEPS) for tier in ready}
            reserved = {tier: self._rules.tiers[tier].reserved_share for tier in ready}
            shares = self._shares[ready, use] = due_shares(weights, reserved)
        return shares

    def _overdue(self, now_s: float) -> Waiting | None:
        """Return the job whose promise is broken worst, if the budget allows it now.

        A tier is brought forward, and not an account inside it: of each tier, the first overdue job
        of those that were served least is looked at. The oldest of all is nearly always a heavy
        user's, whom its own jobs keep waiting; it would be given more than is due to it.
        """
        if not self._rules.promoted_share:
            return None
        worst, worst_ratio = None, 1.0
        for tier in TIERS:
            promised_s = self._rules.tiers[tier].longest_wait_s
            if promised_s is None:
                continue
            job = self._lines[tier].first_older_than(
                now_s - promised_s, count=self._rules.overdue_lookahead
            )
            if job is not None and (now_s - job.arrived_s) / promised_s > worst_ratio:
                worst, worst_ratio = job, (now_s - job.arrived_s) / promised_s
        if worst is None:
            return None
        share = self._rules.promoted_share
        return worst if self._recent.may_promote(worst.cost_s, share=share) else None

    def _due(self, ready: Sequence[Tier], shares: Mapping[Tier, float], credit: Credit) -> Waiting:
        """Return the first job by stride over tiers and least service inside, or one as warm."""
        # Half of what comes next is counted in advance: that keeps every prefix closest to the
        # shares, as rounding to the nearest does.
        tier = min(
            ready,
            key=lambda each: (
                self._passed[each] + self._lines[each].least_served().cost_s / (2 * shares[each])
            ),
        )
        self._virtual_s = max(self._virtual_s, min(self._passed[each] for each in ready))
        line = self._lines[tier]
        line.pass_time()
        first = line.least_served()
        if first.adapters <= credit.adapters:
            return first
        for job in line.firsts(self._rules.lookahead, ahead_s=first.cost_s):
            if job.adapters and job.adapters <= credit.adapters:
                return job
        return first

    def _rider(self, first: Waiting) -> Waiting | None:
        """Return a job that can be drawn together with `first`, of its tier or a lower one."""
        if not first.batch_key:
            return None
        for tier in TIERS[TIERS.index(first.tier) :]:
            for job in self._lines[tier].firsts(self._rules.lookahead, ahead_s=first.cost_s):
                if job.batch_key == first.batch_key:
                    return job
        return None

    def _start(self, job: Waiting, share: float, *, is_promoted: bool) -> None:
        _, number = self._waiting.pop(job.job_id)
        self._lines[job.tier].start(job, number)
        self._charge(job, share, is_promoted=is_promoted)

    def _charge(self, job: Waiting, share: float, *, is_promoted: bool) -> None:
        charge = Charge(
            job_id=job.job_id,
            account=job.account,
            tier=job.tier,
            cost_s=job.cost_s,
            share=share,
            is_promoted=is_promoted,
        )
        self._running[job.job_id] = charge
        self._upper_running += charge.tier is not Tier.RELAX
        self._book(charge, job.cost_s)
        if is_promoted:
            self._promotions[charge.tier] += 1
            self._recent.promote()

    def _end(self, charge: Charge, correction_s: float) -> None:
        del self._running[charge.job_id]
        self._upper_running -= charge.tier is not Tier.RELAX
        self._lines[charge.tier].end(charge.account, correction_s)
        self._ended[charge.tier] += max(0.0, charge.cost_s + correction_s)
        if correction_s:
            self._book(charge, correction_s)

    def _book(self, charge: Charge, gpu_s: float) -> None:
        self._passed[charge.tier] += gpu_s / charge.share
        self._totals[charge.tier] += gpu_s
        self._recent.count(
            gpu_s, is_upper=charge.tier is not Tier.RELAX, is_promoted=charge.is_promoted
        )

    def _forget(self) -> None:
        self._decisions += 1
        if self._decisions % FORGET_EVERY == 0:
            for line in self._lines.values():
                line.forget_idle()


def decide(
    *,
    memory: QueueMemory,
    waiting: Iterable[Waiting],
    askers: Sequence[Credit],
    slots: int,
    now_s: float,
    rules: FairRules | None = None,
) -> tuple[list[Turn], QueueMemory]:
    """Decide for all askers at once, over rows: the turns, and what to remember. Pure."""
    queue = FairQueue(rules=rules, memory=memory)
    for job in waiting:
        queue.add(job)
    turns = []
    for credit in askers:
        turn = queue.take(now_s=now_s, slots=slots, credit=credit)
        if turn is None:
            break
        turns.append(turn)
    return turns, queue.memory()
