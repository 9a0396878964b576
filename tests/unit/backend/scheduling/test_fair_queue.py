"""Whose turn it is, decided by the line itself."""

import json
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.domain.requests import AccountId
from backend.domain.tiers import Tier
from backend.scheduling.fair_queue import FairQueue, decide
from backend.scheduling.memory import QueueMemory, memory_of
from backend.scheduling.rules import FairRules
from backend.scheduling.waiting import Credit
from tests.unit.backend.scheduling.lines import PLAIN, a_row, drain, with_limit

WEIGHTS = {Tier.TURBO: 10 / 16, Tier.FAST: 5 / 16, Tier.RELAX: 1 / 16}
costs = st.sampled_from((0.5, 1.0, 2.0, 7.2))


def _backlog(queue: FairQueue, count: int, cost_s: float = 1.0) -> None:
    for number in range(count):
        for tier in Tier:
            queue.add(a_row(f"{tier}{number}", account=number % 7, tier=tier, cost_s=cost_s))


def _shares(jobs) -> dict[Tier, float]:
    given_s = Counter()
    for job in jobs:
        given_s[job.tier] += job.cost_s
    return {tier: given_s[tier] / sum(given_s.values()) for tier in Tier}


@pytest.mark.parametrize("slots", [1, 8, 40])
def test_by_weight_alone_every_prefix_is_within_one_and_a_half_jobs(slots: int) -> None:
    queue = FairQueue(rules=PLAIN)
    _backlog(queue, 2000)
    served = Counter()
    for number, job in enumerate(drain(queue, 3000, slots=slots), start=1):
        served[job.tier] += 1
        for tier in Tier:
            assert abs(served[tier] - number * WEIGHTS[tier]) <= 1.0


@given(
    lines=st.tuples(*(st.lists(costs, min_size=60, max_size=60) for _ in Tier)),
    slots=st.integers(1, 8),
)
def test_shares_are_of_gpu_seconds_whatever_the_jobs_cost(lines, slots: int) -> None:
    queue = FairQueue(rules=PLAIN)
    for tier, line in zip(Tier, lines, strict=True):
        for number, cost_s in enumerate(line):
            queue.add(a_row(f"{tier}{number}", tier=tier, cost_s=cost_s))
    given_s, longest_s = Counter(), max(max(line) for line in lines)
    while all(queue.depths().values()):
        turn = queue.take(now_s=0.0, slots=slots)
        assert turn is not None
        given_s[turn.jobs[0].tier] += turn.jobs[0].cost_s
        for tier in Tier:
            due_s = given_s.total() * WEIGHTS[tier]
            assert abs(given_s[tier] - due_s) <= 1.5 * longest_s


@pytest.mark.parametrize("slots", [1, 8])
def test_with_reserves_and_promotion_everything_backlogged_is_60_30_10(slots: int) -> None:
    queue = FairQueue()
    _backlog(queue, 3000)
    shares = _shares(drain(queue, 4000, slots=slots, step_s=1.0 / slots))
    assert shares[Tier.TURBO] == pytest.approx(0.60, abs=0.01)
    assert shares[Tier.FAST] == pytest.approx(0.30, abs=0.01)
    assert shares[Tier.RELAX] == pytest.approx(0.10, abs=0.01)


def test_in_quiet_times_relax_weighs_four_times_as_much() -> None:
    shares = []
    for use in (0.0, 0.25, 0.5, 1.0):
        weight = FairRules().weight(Tier.RELAX, upper_use=use)
        shares.append(weight)
    assert shares == [4.0, 2.5, 1.0, 1.0]


def test_a_tier_that_was_empty_has_saved_up_nothing() -> None:
    queue = FairQueue(rules=PLAIN)
    for number in range(200):
        queue.add(a_row(f"r{number}"))
    drain(queue, 100)
    for number in range(50):
        queue.add(a_row(f"f{number}", tier=Tier.FAST))
    begun = drain(queue, 12)
    assert Counter(job.tier for job in begun)[Tier.FAST] == 10


def test_an_account_that_idled_has_saved_up_nothing() -> None:
    queue = FairQueue(rules=PLAIN)
    for number in range(100):
        queue.add(a_row(f"a{number}", account="ada"))
    drain(queue, 50)
    for number in range(20):
        queue.add(a_row(f"b{number}", account="bob"))
    assert Counter(job.account for job in drain(queue, 20)) == {"ada": 10, "bob": 10}


def test_one_accounts_burst_blocks_nobody() -> None:
    queue = FairQueue()
    for number in range(500):
        queue.add(a_row(f"whale{number}", account="whale"))
    drain(queue, 30)
    waits = []
    for guest in range(20):
        for number in range(3):
            queue.add(a_row(f"g{guest}-{number}", account=guest, arrived_s=30.0))
        begun = drain(queue, 6, now_s=30.0)
        waits += [place for place, job in enumerate(begun) if job.account == str(guest)]
    assert len(waits) == 60
    assert max(waits) <= 5


def test_accounts_are_served_by_gpu_seconds_not_by_jobs() -> None:
    queue = FairQueue(rules=PLAIN)
    for number in range(80):
        queue.add(a_row(f"big{number}", account="big", cost_s=8.0))
        queue.add(a_row(f"small{number}", account="small", cost_s=1.0))
    begun = Counter(job.account for job in drain(queue, 45))
    assert begun == {"big": 5, "small": 40}


def test_an_overdue_job_is_promoted_and_charged_to_its_own_tier() -> None:
    queue = FairQueue()
    _backlog(queue, 1000)
    drain(queue, 299)
    before = queue.promotions()
    turns = [queue.take(now_s=301.0 + number, slots=1) for number in range(200)]
    promoted = [turn for turn in turns if turn is not None and turn.is_promoted]
    by_tier = Counter(turn.jobs[0].tier for turn in promoted)
    assert by_tier.keys() <= {Tier.FAST, Tier.RELAX}
    assert queue.promotions() == {tier: before[tier] + by_tier[tier] for tier in Tier}
    assert sum(by_tier.values()) > 0


def test_promotion_stays_within_its_budget() -> None:
    queue = FairQueue()
    _backlog(queue, 4000)
    promoted = taken = 0
    for number in range(4000):
        turn = queue.take(now_s=1000.0 + number, slots=1)
        assert turn is not None
        promoted += turn.is_promoted
        taken += 1
        queue.finish(turn.jobs[0].job_id, 1.0)
    assert 0 < promoted <= 0.05 * taken


def test_a_promotion_brings_no_account_more_than_a_job_ahead_of_its_tier() -> None:
    queue = FairQueue()
    for number in range(400):
        queue.add(a_row(f"heavy{number}", account="heavy"))
    served = Counter()
    for number in range(800):
        now_s = 1000.0 + number
        for light in range(40):
            if not queue.waiting_of(AccountId(f"light{light}"), Tier.RELAX):
                name = f"light{light}"
                queue.add(a_row(f"{name}-{number}", account=name, arrived_s=now_s))
        turn = queue.take(now_s=now_s, slots=1)
        assert turn is not None
        queue.finish(turn.jobs[0].job_id, 1.0)
        served[turn.jobs[0].account] += 1
        least = min(served[f"light{light}"] for light in range(40))
        assert served["heavy"] <= least + 2
    assert queue.promotions()[Tier.RELAX] > 0


def test_a_worker_is_given_what_its_adapters_fit_within_one_jobs_worth() -> None:
    queue = FairQueue(rules=PLAIN)
    queue.add(a_row("cold", account="ada", adapters=["cat"]))
    queue.add(a_row("warm", account="bob", adapters=["dog"], arrived_s=1.0))
    turn = queue.take(now_s=2.0, slots=1, credit=Credit(adapters=frozenset({"dog"})))
    assert turn is not None
    assert turn.jobs[0].job_id == "warm"


def test_affinity_never_gives_an_account_more_than_a_job_ahead() -> None:
    queue = FairQueue(rules=PLAIN)
    for number in range(50):
        queue.add(a_row(f"cold{number}", account="ada", adapters=["cat"]))
        queue.add(a_row(f"warm{number}", account="bob", adapters=["dog"]))
    served = Counter()
    for _ in range(40):
        turn = queue.take(now_s=0.0, slots=1, credit=Credit(adapters=frozenset({"dog"})))
        assert turn is not None
        served[turn.jobs[0].account] += 1
        assert served["bob"] - served["ada"] <= 2


def test_a_batch_is_of_one_kind_and_each_job_is_charged_to_its_owner() -> None:
    queue = FairQueue(rules=PLAIN)
    queue.add(a_row("a", account="ada", tier=Tier.TURBO, batch_key="1024", cost_s=2.0))
    queue.add(a_row("b", account="bob", tier=Tier.TURBO, batch_key="768"))
    queue.add(a_row("c", account="cid", tier=Tier.TURBO, batch_key="1024"))
    queue.add(a_row("d", account="dan", tier=Tier.RELAX, batch_key="1024"))
    turn = queue.take(now_s=0.0, slots=1, credit=Credit(jobs_max=4))
    assert turn is not None
    assert [job.job_id for job in turn.jobs] == ["a", "c", "d"]
    assert queue.served_s() == {Tier.TURBO: 3.0, Tier.FAST: 0.0, Tier.RELAX: 1.0}
    assert {job_id: each.account for job_id, each in queue.running().items()} == {
        "a": "ada",
        "c": "cid",
        "d": "dan",
    }


def test_a_job_of_no_kind_is_drawn_alone() -> None:
    queue = FairQueue()
    queue.add(a_row("a"))
    queue.add(a_row("b"))
    turn = queue.take(now_s=0.0, slots=1, credit=Credit(jobs_max=4))
    assert turn is not None
    assert len(turn.jobs) == 1


def test_an_account_at_its_limit_waits_until_one_of_its_jobs_ends() -> None:
    queue = FairQueue(rules=with_limit(2))
    for number in range(5):
        queue.add(a_row(number))
    first, second = (queue.take(now_s=0.0, slots=8) for _ in range(2))
    assert first is not None
    assert second is not None
    assert queue.take(now_s=0.0, slots=8) is None
    queue.finish(first.jobs[0].job_id, 1.0)
    assert queue.take(now_s=0.0, slots=8) is not None


def test_what_took_longer_than_predicted_is_charged_when_it_ends() -> None:
    queue = FairQueue(rules=PLAIN)
    for number in range(40):
        queue.add(a_row(f"a{number}", account="ada"))
        queue.add(a_row(f"b{number}", account="bob"))
    measured = {"ada": 3.0, "bob": 1.0}
    served = Counter()
    for _ in range(40):
        turn = queue.take(now_s=0.0, slots=1)
        assert turn is not None
        account = turn.jobs[0].account
        served[account] += 1
        queue.finish(turn.jobs[0].job_id, measured[account])
    assert served["bob"] == pytest.approx(3 * served["ada"], abs=3)


def test_a_job_given_back_costs_nothing_and_keeps_its_place() -> None:
    queue = FairQueue(rules=PLAIN)
    row = a_row("lost", arrived_s=1.0)
    queue.add(row)
    queue.add(a_row("later", account="ada", arrived_s=2.0))
    assert queue.take(now_s=3.0, slots=1) is not None
    assert queue.give_back(row.job_id)
    assert queue.served_s()[Tier.RELAX] == 0.0
    queue.add(row)
    turn = queue.take(now_s=4.0, slots=1)
    assert turn is not None
    assert turn.jobs == (row,)


def test_a_report_that_comes_twice_or_from_nowhere_changes_nothing() -> None:
    queue = FairQueue()
    queue.add(a_row("a"))
    queue.take(now_s=0.0, slots=1)
    assert queue.finish("a", 2.0)
    before = queue.memory()
    assert not queue.finish("a", 2.0)
    assert not queue.give_back("a")
    assert not queue.discard("a")
    assert queue.memory() == before


def test_a_job_that_began_unseen_is_charged_once() -> None:
    queue = FairQueue()
    row = a_row("a", cost_s=2.0)
    queue.add(row)
    queue.resume(row, slots=1)
    queue.resume(row, slots=1)
    assert len(queue) == 0
    assert queue.served_s()[Tier.RELAX] == 2.0


def test_sync_lets_exactly_the_rows_wait() -> None:
    queue = FairQueue()
    queue.sync([a_row("a"), a_row("b", account="bob")])
    queue.sync([a_row("b", account="bob"), a_row("c")])
    assert [job.job_id for job in queue.waiting()] == ["b", "c"]


def test_after_a_crash_the_line_goes_on_as_if_nothing_had_happened() -> None:
    queue = FairQueue()
    _backlog(queue, 300)
    drain(queue, 200, slots=4)
    stored = json.loads(json.dumps(queue.memory().as_json()))
    restored = FairQueue(memory=memory_of(stored))
    for job in queue.waiting():
        restored.add(job)
    assert restored.memory() == queue.memory()
    assert drain(restored, 300, now_s=200.0) == drain(queue, 300, now_s=200.0)


def test_a_memory_of_an_older_release_begins_at_zero() -> None:
    assert memory_of({}) == QueueMemory()


def test_deciding_over_rows_is_pure() -> None:
    rows = [a_row(number, account=number % 3, tier=list(Tier)[number % 3]) for number in range(30)]
    memory = QueueMemory()
    credit = [Credit(worker=f"w{number}") for number in range(4)]
    first = decide(memory=memory, waiting=rows, askers=credit, slots=4, now_s=0.0)
    again = decide(memory=memory, waiting=rows, askers=credit, slots=4, now_s=0.0)
    assert first == again
    assert [turn.worker for turn in first[0]] == ["w0", "w1", "w2", "w3"]
    assert memory == QueueMemory()
    assert len(first[1].running) == 4


def test_idle_accounts_are_forgotten() -> None:
    queue = FairQueue()
    for number in range(3000):
        queue.add(a_row(number, account=number))
        turn = queue.take(now_s=float(number), slots=1)
        assert turn is not None
        queue.finish(turn.jobs[0].job_id, 1.0)
    assert len(queue.memory().tiers[Tier.RELAX].served_s) < 1100


def test_an_unchanged_row_is_not_added_twice() -> None:
    queue = FairQueue()
    row = a_row("a")
    queue.add(row)
    queue.add(replace(row, cost_s=5.0))
    assert queue.waiting() == [row]
