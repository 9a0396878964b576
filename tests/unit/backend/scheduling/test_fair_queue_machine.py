"""Random histories of the line: whatever comes, nothing is lost, hoarded or forgotten."""

import json
from collections import Counter

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from backend.domain.requests import AccountId, JobId
from backend.domain.tiers import TIER_POLICIES, Tier, TierPolicy
from backend.scheduling.fair_queue import FairQueue
from backend.scheduling.memory import memory_of
from backend.scheduling.rules import FairRules
from backend.scheduling.waiting import Credit, Waiting
from tests.unit.backend.scheduling.lines import PLAIN, a_row

COSTS = st.sampled_from((0.25, 0.5, 1.0, 2.0, 8.0))
ADAPTERS = st.sampled_from(((), ("cat",), ("dog",), ("cat", "dog")))
LONGEST_S = 8.0
LIMIT = 3
WEIGHTS = {tier: policy.weight / 16 for tier, policy in TIER_POLICIES.items()}


class AnyHistory(RuleBasedStateMachine):
    """Jobs come, begin, end, are lost, cancelled and come back; the dispatcher crashes."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 0.0
        self.number = 0
        self.waiting: dict[JobId, Waiting] = {}
        self.running: dict[JobId, Waiting] = {}
        self.paid_s: Counter[Tier] = Counter()

    @initialize(is_limited=st.booleans())
    def begin(self, *, is_limited: bool) -> None:
        self.limit = LIMIT if is_limited else None
        self.rules = FairRules(
            tiers={
                tier: TierPolicy(
                    weight=policy.weight,
                    longest_wait_s=policy.longest_wait_s,
                    running_max=self.limit,
                )
                for tier, policy in TIER_POLICIES.items()
            }
        )
        self.queue = FairQueue(rules=self.rules)

    @rule(
        tier=st.sampled_from(Tier),
        account=st.integers(0, 4),
        cost_s=COSTS,
        adapters=ADAPTERS,
        batch_key=st.sampled_from(("", "1024")),
        count=st.integers(1, 6),
    )
    def jobs_come(self, tier, account, cost_s, adapters, batch_key, count) -> None:
        for _ in range(count):
            self.number += 1
            row = a_row(
                self.number,
                account=account,
                tier=tier,
                cost_s=cost_s,
                arrived_s=self.now_s,
                adapters=adapters,
                batch_key=batch_key,
            )
            self.queue.add(row)
            self.waiting[row.job_id] = row

    @rule(slots=st.integers(1, 8), adapters=ADAPTERS, jobs_max=st.integers(1, 4))
    def a_worker_asks(self, slots, adapters, jobs_max) -> None:
        credit = Credit(worker="w", adapters=frozenset(adapters), jobs_max=jobs_max)
        turn = self.queue.take(now_s=self.now_s, slots=slots, credit=credit)
        if turn is None:
            # It never refuses while anybody may begin.
            assert all(self._is_at_limit(row) for row in self.waiting.values())
            return
        assert len(turn.jobs) <= jobs_max
        assert len({row.batch_key for row in turn.jobs}) == 1
        for row in turn.jobs:
            assert self.waiting.pop(row.job_id) == row
            self.running[row.job_id] = row
            self.paid_s[row.tier] += row.cost_s

    @precondition(lambda self: self.running)
    @rule(data=st.data(), factor=st.sampled_from((0.5, 1.0, 3.0)))
    def a_job_ends(self, data, factor) -> None:
        row = self.running.pop(data.draw(st.sampled_from(sorted(self.running))))
        assert self.queue.finish(row.job_id, row.cost_s * factor)
        self.paid_s[row.tier] += row.cost_s * (factor - 1)

    @precondition(lambda self: self.running)
    @rule(data=st.data())
    def a_worker_is_lost(self, data) -> None:
        row = self.running.pop(data.draw(st.sampled_from(sorted(self.running))))
        assert self.queue.give_back(row.job_id)
        self.paid_s[row.tier] -= row.cost_s
        self.queue.add(row)
        self.waiting[row.job_id] = row

    @precondition(lambda self: self.waiting)
    @rule(data=st.data())
    def a_job_is_cancelled(self, data) -> None:
        job_id = data.draw(st.sampled_from(sorted(self.waiting)))
        del self.waiting[job_id]
        assert self.queue.discard(job_id)

    @rule(seconds=st.sampled_from((0.1, 5.0, 200.0)))
    def time_passes(self, seconds) -> None:
        self.now_s += seconds

    @rule()
    def the_dispatcher_crashes(self) -> None:
        stored = json.loads(json.dumps(self.queue.memory().as_json()))
        self.queue = FairQueue(rules=self.rules, memory=memory_of(stored))
        self.queue.sync(self.waiting.values())

    @invariant()
    def nothing_is_lost_and_nothing_is_drawn_twice(self) -> None:
        if not hasattr(self, "queue"):
            return
        assert {row.job_id for row in self.queue.waiting()} == set(self.waiting)
        assert set(self.queue.running()) == set(self.running)
        assert sum(self.queue.depths().values()) == len(self.waiting)

    @invariant()
    def what_is_charged_is_what_was_drawn(self) -> None:
        if not hasattr(self, "queue"):
            return
        for tier, gpu_s in self.queue.served_s().items():
            assert abs(gpu_s - self.paid_s[tier]) < 1e-6 * (1 + abs(gpu_s))

    @invariant()
    def no_account_is_above_its_limit(self) -> None:
        if hasattr(self, "limit") and self.limit is not None:
            running = Counter((row.tier, row.account) for row in self.running.values())
            assert all(count <= self.limit for count in running.values())

    def teardown(self) -> None:
        """Nobody starves: what waits begins, each account and tier in a bounded time."""
        if not hasattr(self, "queue"):
            return
        for job_id in list(self.running):
            self.queue.finish(job_id)
        for _ in range(len(self.waiting)):
            turn = self.queue.take(now_s=self.now_s, slots=1)
            assert turn is not None
            del self.waiting[turn.jobs[0].job_id]
            self.queue.finish(turn.jobs[0].job_id)
        assert not self.waiting
        assert len(self.queue) == 0

    def _is_at_limit(self, row: Waiting) -> bool:
        if self.limit is None:
            return False
        running = sum(
            each.account == row.account and each.tier is row.tier for each in self.running.values()
        )
        return running >= self.limit


class Backlogged(RuleBasedStateMachine):
    """All tiers always have work, by weight alone: every prefix is within 1.5 jobs of its share."""

    def __init__(self) -> None:
        super().__init__()
        self.queue = FairQueue(rules=PLAIN)
        self.number = 0
        self.given_s: Counter[Tier] = Counter()
        self.running: list[JobId] = []

    @rule(costs=st.lists(COSTS, min_size=3, max_size=9), account=st.integers(0, 5))
    def jobs_come(self, costs, account) -> None:
        for cost_s in costs:
            for tier in Tier:
                self._add(tier, account, cost_s)

    @rule(turns=st.integers(1, 20))
    def workers_ask(self, turns) -> None:
        for _ in range(turns):
            for tier, depth in self.queue.depths().items():
                if depth < 2:
                    self._add(tier, AccountId("reserve"), 1.0)
            turn = self.queue.take(now_s=0.0, slots=8)
            assert turn is not None
            self.given_s[turn.jobs[0].tier] += turn.jobs[0].cost_s
            self.running.append(turn.jobs[0].job_id)
            total_s = self.given_s.total()
            for tier, weight in WEIGHTS.items():
                assert abs(self.given_s[tier] - weight * total_s) <= 1.5 * LONGEST_S

    @precondition(lambda self: self.running)
    @rule()
    def a_job_ends(self) -> None:
        self.queue.finish(self.running.pop(0))

    def _add(self, tier: Tier, account: object, cost_s: float) -> None:
        self.number += 1
        self.queue.add(a_row(self.number, account=account, tier=tier, cost_s=cost_s))


class NewcomersForEver(RuleBasedStateMachine):
    """One account waits while ever new ones come to its tier: it is served all the same."""

    def __init__(self) -> None:
        super().__init__()
        self.queue = FairQueue(rules=PLAIN)
        self.number = 0
        for number in range(200):
            self.queue.add(a_row(f"old{number}", account="old"))
        self.since_old = 0

    @rule(newcomers=st.integers(1, 3))
    def newcomers_come(self, newcomers) -> None:
        for _ in range(newcomers):
            self.number += 1
            self.queue.add(a_row(self.number, account=f"n{self.number}"))
        for _ in range(newcomers):
            turn = self.queue.take(now_s=0.0, slots=1)
            assert turn is not None
            self.queue.finish(turn.jobs[0].job_id)
            self.since_old = 0 if turn.jobs[0].account == "old" else self.since_old + 1
        assert self.since_old <= 8 * (len(self.queue.depths()) + newcomers)


for machine in (AnyHistory, Backlogged, NewcomersForEver):
    machine.TestCase.settings = settings(max_examples=40, stateful_step_count=40, deadline=None)

TestAnyHistory = AnyHistory.TestCase
TestBacklogged = Backlogged.TestCase
TestNewcomersForEver = NewcomersForEver.TestCase
