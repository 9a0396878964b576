"""What is measured of a line, against what a hand computes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.domain.tiers import Tier
from backend.scheduling.fair_queue import FairQueue
from backend.scheduling.gauges import FamilyGauges
from backend.scheduling.memory import memory_of
from backend.scheduling.meter import TOLD_KEPT, WINDOW_S, Meter, drain_s
from backend.scheduling.rules import FairRules
from tests.unit.backend.scheduling.lines import a_row


class Bench:
    """A line and the meter that watches it; jobs take what they were predicted to."""

    def __init__(self, *, queue: FairQueue | None = None, meter: Meter | None = None) -> None:
        # An empty line is false.
        rules = FairRules(quiet_relax_factor=1.0, promoted_share=0)
        self.queue = FairQueue(rules=rules) if queue is None else queue
        self.meter = meter or Meter()
        self.now_s = 0.0

    def draw(self, turns: int, *, step_s: float = 1.0) -> None:
        for _ in range(turns):
            turn = self.queue.take(now_s=self.now_s, slots=1)
            assert turn is not None
            self.meter.begin(self.meter.begun(turn, self.queue, at_s=self.now_s))
            self.now_s += step_s
            self.queue.finish(turn.jobs[0].job_id, turn.jobs[0].cost_s)

    def read(self, *, slots: int = 1, handed_out=None, left_s=None) -> FamilyGauges:
        return self.meter.read(
            self.queue,
            now_s=self.now_s,
            slots=slots,
            handed_out=handed_out or {},
            left_s=left_s or {},
        )


@pytest.fixture
def bench() -> Bench:
    return Bench()


def backlog(bench: Bench, each: int, *, accounts: int = 1) -> None:
    for tier in Tier:
        for number in range(each):
            bench.queue.add(a_row(f"{tier}{number}", account=number % accounts, tier=tier))


def test_an_empty_line_is_all_zeros_and_nothing_measured(bench: Bench) -> None:
    read = bench.read()
    assert read.drain_s == 0.0
    for tier in read.tiers.values():
        assert (tier.waiting, tier.handed_out, tier.running, tier.oldest_s) == (0, 0, 0, 0.0)
        assert (tier.share, tier.due_share, tier.jain, tier.p90_coverage) == (None,) * 4


def test_what_waits_is_counted_by_tier_with_its_cost_and_its_age(bench: Bench) -> None:
    bench.now_s = 100.0
    bench.queue.add(a_row(1, tier=Tier.FAST, cost_s=2.0, arrived_s=40.0))
    bench.queue.add(a_row(2, tier=Tier.FAST, cost_s=3.0, arrived_s=70.0))
    fast = bench.read().tiers[Tier.FAST]
    assert (fast.waiting, fast.waiting_gpu_s, fast.oldest_s) == (2, 5.0, 60.0)


def test_what_was_handed_out_is_told_from_what_is_drawn(bench: Bench) -> None:
    for number in range(3):
        bench.queue.add(a_row(number, tier=Tier.TURBO))
        bench.queue.take(now_s=0.0, slots=3)
    turbo = bench.read(slots=3, handed_out={Tier.TURBO: 1}).tiers[Tier.TURBO]
    assert (turbo.handed_out, turbo.running) == (1, 2)


def test_with_everything_backlogged_shares_come_out_as_due(bench: Bench) -> None:
    backlog(bench, 100)
    bench.draw(100)
    tiers = bench.read().tiers
    assert [tiers[tier].due_share for tier in Tier] == pytest.approx([0.6, 0.3, 0.1])
    assert [tiers[tier].share for tier in Tier] == pytest.approx([0.6, 0.3, 0.1], abs=0.01)


def test_a_tier_alone_is_due_everything(bench: Bench) -> None:
    bench.queue.add(a_row(1, tier=Tier.RELAX))
    bench.draw(1)
    relax = bench.read().tiers[Tier.RELAX]
    assert (relax.share, relax.due_share) == (1.0, 1.0)


def test_shares_are_of_the_last_minutes_only(bench: Bench) -> None:
    bench.queue.add(a_row(1, tier=Tier.RELAX, cost_s=100.0))
    bench.draw(1)
    assert bench.read().tiers[Tier.RELAX].share == 1.0
    bench.now_s = WINDOW_S + 1
    bench.read()
    bench.queue.add(a_row(2, tier=Tier.TURBO))
    bench.draw(1)
    shares = [bench.read().tiers[tier].share for tier in Tier]
    assert shares == [1.0, 0.0, 0.0]
    bench.now_s += WINDOW_S
    bench.read()
    bench.now_s += WINDOW_S
    assert bench.read().tiers[Tier.TURBO].share is None


def test_what_was_charged_before_the_last_restart_is_in_no_share(bench: Bench) -> None:
    bench.queue.add(a_row(1, tier=Tier.RELAX))
    bench.draw(1)
    queue = FairQueue(memory=memory_of(bench.queue.memory().as_json()))
    later = Bench(queue=queue, meter=Meter(charged_s=queue.served_s()))
    later.queue.add(a_row(2, tier=Tier.TURBO))
    later.draw(1)
    assert later.read().tiers[Tier.RELAX].share == 0.0


def test_counters_go_on_after_a_restart(bench: Bench) -> None:
    backlog(bench, 2)
    bench.draw(6)
    bench.meter.keep(Tier.FAST, p50=False, p90=True)
    before = bench.read().tiers
    queue = FairQueue(memory=memory_of(bench.queue.memory().as_json()))
    after = Bench(queue=queue, meter=Meter(document=bench.meter.as_json())).read().tiers
    for tier in Tier:
        assert after[tier].begun == before[tier].begun == 2
        assert after[tier].ended_gpu_s == before[tier].ended_gpu_s == pytest.approx(2.0)
    assert (after[Tier.FAST].told, after[Tier.FAST].kept_p50, after[Tier.FAST].kept_p90) == (
        1,
        0,
        1,
    )


def test_served_seconds_never_go_down_whatever_was_predicted(bench: Bench) -> None:
    for number, took_s in enumerate((0.5, 2.0, None)):
        bench.queue.add(a_row(number, tier=Tier.TURBO, cost_s=1.0))
        turn = bench.queue.take(now_s=0.0, slots=1)
        assert turn is not None
        if took_s is None:
            bench.queue.give_back(turn.jobs[0].job_id)
        else:
            bench.queue.finish(turn.jobs[0].job_id, took_s)
    assert bench.read().tiers[Tier.TURBO].ended_gpu_s == 2.5


def test_promotions_are_counted_in_their_tier() -> None:
    bench = Bench(queue=FairQueue())
    backlog(bench, 200)
    bench.draw(100)
    assert not any(tier.promoted for tier in bench.read().tiers.values())
    bench.now_s = 400.0
    bench.draw(100)
    tiers = bench.read().tiers
    assert tiers[Tier.TURBO].promoted == 0
    assert tiers[Tier.FAST].promoted + tiers[Tier.RELAX].promoted > 0


def test_jains_index_is_that_of_each_tier(bench: Bench) -> None:
    backlog(bench, 60, accounts=3)
    bench.draw(60)
    tiers = bench.read().tiers
    assert tiers[Tier.TURBO].jain == pytest.approx(1.0)
    # Six of relax have begun: too few of three accounts to say how even that is.
    assert tiers[Tier.RELAX].jain is None


def test_coverage_is_of_the_last_jobs_that_were_told(bench: Bench) -> None:
    for _ in range(TOLD_KEPT):
        bench.meter.keep(Tier.FAST, p50=False, p90=False)
    for number in range(TOLD_KEPT):
        bench.meter.keep(Tier.FAST, p50=number % 2 == 0, p90=number % 10 != 0)
    fast = bench.read().tiers[Tier.FAST]
    assert (fast.p50_coverage, fast.p90_coverage) == (0.5, 0.9)
    assert fast.told == 2 * TOLD_KEPT


def test_the_line_is_drained_when_all_slots_have_done_their_part(bench: Bench) -> None:
    for number in range(6):
        bench.queue.add(a_row(number, cost_s=2.0))
    turn = bench.queue.take(now_s=0.0, slots=2)
    assert turn is not None
    left_s = {turn.jobs[0].job_id: 1.0}
    assert bench.read(slots=2, left_s=left_s).drain_s == pytest.approx((5 * 2.0 + 1.0) / 2)
    assert bench.read(slots=0).drain_s is None


@given(lengths_s=st.lists(st.floats(0.01, 100), min_size=1, max_size=40), slots=st.integers(1, 8))
def test_no_order_drains_quicker_and_ours_takes_up_to_one_job_longer(lengths_s, slots) -> None:
    free_s = [0.0] * slots
    for length_s in lengths_s:
        free_s.sort()
        free_s[0] += length_s
    told_s = drain_s(lengths_s, slots)
    assert told_s is not None
    assert told_s - 1e-6 <= max(free_s) <= told_s + max(lengths_s) + 1e-6
