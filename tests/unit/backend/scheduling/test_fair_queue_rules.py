"""Each rule of the line, over random histories in which there is always work."""

from collections import Counter

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from backend.domain.requests import AccountId, JobId
from backend.domain.tiers import TIER_POLICIES, Tier
from backend.scheduling.fair_queue import FairQueue
from backend.scheduling.rules import FairRules
from backend.scheduling.waiting import Credit, Turn, Waiting
from tests.unit.backend.scheduling.lines import a_row

COSTS = st.sampled_from((0.25, 0.5, 1.0, 2.0, 8.0))
ADAPTERS = st.sampled_from(((), ("cat",), ("dog",), ("cat", "dog")))
LONGEST_S = 8.0
ACCOUNTS = 5
RULES = FairRules()
# While turbo and fast leave everything idle relax weighs four, so that all weigh nineteen.
LEAST_SHARES = {Tier.TURBO: 10 / 19, Tier.FAST: 5 / 19, Tier.RELAX: 1 / 10}


class _Backlog(RuleBasedStateMachine):
    """What histories without an empty tier or an idle account share."""

    tiers: tuple[Tier, ...] = tuple(Tier)

    def __init__(self) -> None:
        super().__init__()
        self.queue = FairQueue(rules=RULES)
        self.number = 0
        self.now_s = 0.0
        self.costs = [1.0]
        self.running: dict[JobId, Waiting] = {}
        self.arrived_s: dict[JobId, float] = {}
        self.fill()

    def fill(self) -> None:
        """Let every account have work in every tier."""
        for tier in self.tiers:
            for account in range(ACCOUNTS):
                while self.queue.waiting_of(AccountId(str(account)), tier) < 4:
                    self.number += 1
                    self.queue.add(
                        a_row(
                            self.number,
                            account=account,
                            tier=tier,
                            cost_s=self.costs[self.number % len(self.costs)],
                            arrived_s=self.now_s,
                            adapters=("cat", "dog")[self.number % 2 : self.number % 3],
                            batch_key="1024" if self.number % 5 else "",
                        )
                    )

    def take(self, *, slots: int, credit: Credit) -> Turn:
        turn = self.queue.take(now_s=self.now_s, slots=slots, credit=credit)
        assert turn is not None
        self.running |= {job.job_id: job for job in turn.jobs}
        self.fill()
        return turn

    @rule(costs=st.lists(COSTS, min_size=1, max_size=5))
    def other_jobs_come(self, costs) -> None:
        self.costs = costs

    @rule(seconds=st.sampled_from((0.1, 5.0, 130.0, 400.0)))
    def time_passes(self, seconds) -> None:
        self.now_s += seconds

    @precondition(lambda self: self.running)
    @rule(data=st.data())
    def a_job_ends(self, data) -> None:
        job_id = data.draw(st.sampled_from(sorted(self.running)))
        assert self.queue.finish(job_id, self.running.pop(job_id).cost_s)


class EveryTierHasWork(_Backlog):
    """No tier gets less than its share, and promotions stay within their budget."""

    def __init__(self) -> None:
        self.given_s: Counter[Tier] = Counter()
        self.since_promotion_s = 0.0
        super().__init__()

    @rule(turns=st.integers(1, 30), slots=st.integers(1, 8), adapters=ADAPTERS)
    def workers_ask(self, turns, slots, adapters) -> None:
        for _ in range(turns):
            turn = self.take(slots=slots, credit=Credit(adapters=frozenset(adapters)))
            job = turn.jobs[0]
            if turn.is_promoted:
                promised_s = TIER_POLICIES[job.tier].longest_wait_s
                assert promised_s is not None
                assert self.now_s - job.arrived_s > promised_s
                assert job.cost_s <= RULES.promoted_share * self.since_promotion_s + 1e-6
                self.since_promotion_s = 0.0
            self.since_promotion_s += job.cost_s
            self.given_s[job.tier] += job.cost_s

    @invariant()
    def no_tier_is_short_of_its_share(self) -> None:
        total_s = self.given_s.total()
        for tier, share in LEAST_SHARES.items():
            assert self.given_s[tier] >= share * total_s - 2.5 * LONGEST_S


class OneTierHasWork(_Backlog):
    """Nothing, be it warm, overdue or part of a batch, brings an account two jobs ahead."""

    tiers = (Tier.RELAX,)

    def __init__(self) -> None:
        self.given_s: Counter[AccountId] = Counter()
        super().__init__()

    @rule(turns=st.integers(1, 30), adapters=ADAPTERS, jobs_max=st.integers(1, 4))
    def workers_ask(self, turns, adapters, jobs_max) -> None:
        credit = Credit(adapters=frozenset(adapters), jobs_max=jobs_max)
        for _ in range(turns):
            for job in self.take(slots=4, credit=credit).jobs:
                self.given_s[job.account] += job.cost_s
            accounts = [self.given_s[AccountId(str(number))] for number in range(ACCOUNTS)]
            assert max(accounts) - min(accounts) <= 2 * LONGEST_S


for machine in (EveryTierHasWork, OneTierHasWork):
    machine.TestCase.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)

TestEveryTierHasWork = EveryTierHasWork.TestCase
TestOneTierHasWork = OneTierHasWork.TestCase


def test_a_decision_moves_one_account_and_looks_at_few_however_many_wait(monkeypatch) -> None:
    """Ten thousand jobs of a thousand accounts, all overdue, none warm."""
    queue = FairQueue()
    for number in range(10_000):
        queue.add(a_row(number, account=number % 1000, tier=list(Tier)[number % 3]))
    moved, seen = Counter(), Counter()
    _count_calls(monkeypatch, moved, seen)
    credit = Credit(adapters=frozenset({"cat"}))
    for _ in range(300):
        turn = queue.take(now_s=1000.0, slots=40, credit=credit)
        assert turn is not None
        queue.finish(turn.jobs[0].job_id, 1.0)
    # One that begins and one that ends.
    assert moved["accounts"] == 2 * 300
    # Of two tiers with a promise for an overdue one, of the due tier for a warm one.
    assert seen["accounts"] <= 300 * (2 * RULES.overdue_lookahead + RULES.lookahead)


def test_what_is_remembered_grows_with_accounts_that_wait_and_not_with_jobs_or_days() -> None:
    queue = FairQueue()
    remembered = []
    for day in range(10):
        for number in range(900):
            account = f"{day}-{number % 300}"
            queue.add(a_row(f"{day}-{number}", account=account, tier=list(Tier)[number % 3]))
        assert _entries(queue) <= 2 * 300
        while (turn := queue.take(now_s=86_400.0 * day, slots=40)) is not None:
            queue.finish(turn.jobs[0].job_id, 1.0)
        remembered.append(_entries(queue))
    assert max(remembered) <= 300


def _count_calls(monkeypatch, moved: Counter, seen: Counter) -> None:
    from backend.scheduling.tier_line import TierLine

    place, firsts = TierLine._place, TierLine.firsts

    def counted_place(self, member) -> None:
        moved["accounts"] += 1
        place(self, member)

    def counted_firsts(self, count, *, ahead_s):
        for job in firsts(self, count, ahead_s=ahead_s):
            seen["accounts"] += 1
            yield job

    monkeypatch.setattr(TierLine, "_place", counted_place)
    monkeypatch.setattr(TierLine, "firsts", counted_firsts)


def _entries(queue: FairQueue) -> int:
    memory = queue.memory()
    return sum(len(tier.served_s) for tier in memory.tiers.values()) + len(memory.running)
