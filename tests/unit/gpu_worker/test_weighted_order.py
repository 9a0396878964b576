"""Shares, and who gets no credit."""

from collections import Counter
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from backend.contracts import ModelFamily, Tier, own_queue_name, queue_name
from gpu_worker.weighted_order import AskingOrder, StrideOrder

TURBO, FAST, RELAX = (queue_name(ModelFamily.SDXL, tier) for tier in Tier)
QUEUES = [RELAX, TURBO, FAST]


def serve(order: StrideOrder, backlog: Counter[str]) -> str | None:
    """Serve one message as BRPOP does: from the first queue in order that has one."""
    for queue in order.consume(len(QUEUES) + 1):
        if backlog[queue]:
            backlog[queue] -= 1
            return order.rotate(queue)
    return None


def served(order: StrideOrder, backlog: Counter[str], count: int) -> list[str]:
    return [queue for _ in range(count) if (queue := serve(order, backlog)) is not None]


def everything_waits() -> Counter[str]:
    return Counter(dict.fromkeys(QUEUES, 10**6))


def test_backlogged_queues_are_served_ten_to_five_to_one():
    counts = Counter(served(StrideOrder(QUEUES), everything_waits(), 320))
    assert counts == {TURBO: 200, FAST: 100, RELAX: 20}


def test_no_prefix_strays_a_whole_job_from_the_ideal():
    sequence = served(StrideOrder(QUEUES), everything_waits(), 480)
    weights = {TURBO: 10 / 16, FAST: 5 / 16, RELAX: 1 / 16}
    for length in range(1, len(sequence) + 1):
        counts = Counter(sequence[:length])
        for queue, weight in weights.items():
            assert abs(counts[queue] - weight * length) < 1


def test_relax_never_waits_longer_than_a_round():
    sequence = served(StrideOrder(QUEUES), everything_waits(), 480)
    places = [index for index, queue in enumerate(sequence) if queue == RELAX]
    gaps = [after - before for before, after in pairwise(places)]
    assert max(gaps) <= 17


@settings(deadline=None)
@given(idle=st.integers(min_value=0, max_value=2000), empty=st.sampled_from(QUEUES))
def test_a_queue_that_was_empty_has_saved_up_nothing(idle: int, empty: str):
    order = StrideOrder(QUEUES)
    backlog = everything_waits()
    backlog[empty] = 0
    served(order, backlog, idle)
    counts = Counter(served(order, everything_waits(), 160))
    ideal = {TURBO: 100, FAST: 50, RELAX: 10}
    assert all(abs(counts[queue] - ideal[queue]) <= 1 for queue in QUEUES)


@settings(deadline=None)
@given(st.lists(st.sampled_from([*QUEUES, None]), max_size=300))
def test_whatever_comes_no_message_is_passed_over(arrivals: list[str | None]):
    order, backlog = StrideOrder(QUEUES), Counter[str]()
    for arrival in arrivals:
        if arrival is not None:
            backlog[arrival] += 1
        is_waiting = backlog.total() > 0
        assert (serve(order, backlog) is not None) == is_waiting


def test_asking_again_without_a_message_changes_nothing():
    order = StrideOrder(QUEUES)
    assert [order.consume(3) for _ in range(5)] == [[TURBO, FAST, RELAX]] * 5


def test_a_reconnect_keeps_every_place():
    order, backlog = StrideOrder(QUEUES), everything_waits()
    first = served(order, backlog, 7)
    order.update(QUEUES)
    unbroken = served(StrideOrder(QUEUES), everything_waits(), 160)
    assert first + served(order, backlog, 153) == unbroken


def test_kombu_makes_one_without_arguments_and_may_name_queues_it_forgot():
    order = StrideOrder()
    assert order.consume(3) == []
    assert order.rotate("sdxl.turbo") == "sdxl.turbo"
    order.update(["celery"])
    assert order.consume(1) == ["celery"]


class Hunger:
    """An appetite that is told how much it wants."""

    def __init__(self, count: int) -> None:
        self.count = count

    def wants(self) -> int:
        return self.count

    def pop(self) -> None:
        self.count -= 1


OWN = own_queue_name(ModelFamily.SDXL, "host.turbo")


def test_a_workers_own_queue_goes_before_all_tiers_and_changes_nobodys_share():
    order, backlog = StrideOrder([*QUEUES, OWN]), everything_waits()
    for _ in range(20):
        backlog[OWN] = 1
        assert [serve(order, backlog), serve(order, backlog)][0] == OWN
    unbroken = StrideOrder(QUEUES)
    served(unbroken, everything_waits(), 20)
    backlog[OWN] = 0
    assert served(order, backlog, 160) == served(unbroken, everything_waits(), 160)


def test_no_queue_is_asked_while_nothing_is_wanted():
    hunger = Hunger(2)
    order, backlog = AskingOrder(QUEUES, appetite=hunger), everything_waits()
    assert [serve(order, backlog) for _ in range(4)] == [TURBO, FAST, None, None]
    hunger.count = 1
    assert serve(order, backlog) == TURBO
