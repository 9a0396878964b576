"""Who leaves: the least worth for its bytes, nobody in use, nobody in vain."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from gpu_worker.vram.eviction import HALF_LIFE_S, Resident, UseRecord, choose_victims

GIB = 2**30

residents_strategy = st.lists(
    st.builds(
        Resident,
        name=st.uuids().map(str),
        size_bytes=st.integers(0, 100),
        uses_per_hour=st.integers(0, 5000).map(lambda hundredths: hundredths / 100),
        reload_s=st.floats(0, 40),
        is_held=st.booleans(),
        is_pinned=st.booleans(),
    ),
    max_size=8,
)


@given(residents_strategy, st.integers(0, 400))
def test_what_leaves_frees_enough_or_nobody_leaves(residents: list[Resident], needed: int):
    victims = choose_victims(residents, needed)
    sizes = {one.name: one.size_bytes for one in residents if one.may_leave}
    if victims is None:
        assert sum(sizes.values()) < needed
    else:
        assert set(victims) <= sizes.keys()
        assert len(set(victims)) == len(victims)
        assert sum(sizes[name] for name in victims) >= needed


@given(residents_strategy, st.integers(0, 400))
def test_no_one_leaves_in_vain(residents: list[Resident], needed: int):
    sizes = {one.name: one.size_bytes for one in residents}
    victims = choose_victims(residents, needed) or ()
    freed = sum(sizes[name] for name in victims)
    assert all(freed - sizes[name] < needed for name in victims)


@given(residents_strategy, st.integers(1, 400))
def test_held_and_pinned_things_never_leave(residents: list[Resident], needed: int):
    staying = {one.name for one in residents if one.is_held or one.is_pinned}
    assert not staying & set(choose_victims(residents, needed) or ())


@given(residents_strategy)
def test_of_things_of_one_size_the_least_worth_leaves(residents: list[Resident]):
    equal = [
        Resident(name=one.name, size_bytes=10, uses_per_hour=one.uses_per_hour, reload_s=1.0)
        for one in residents
    ]
    victims = choose_victims(equal, 10) or ()
    for victim, other in itertools.product(victims, equal):
        worth = next(one.uses_per_hour for one in equal if one.name == victim)
        assert worth <= other.uses_per_hour


def test_a_large_thing_must_be_worth_its_bytes():
    rarely_but_small = Resident(name="small", size_bytes=GIB // 8, uses_per_hour=2, reload_s=4)
    often_but_large = Resident(name="large", size_bytes=8 * GIB, uses_per_hour=9, reload_s=4)
    assert choose_victims([rarely_but_small, often_but_large], GIB // 16) == ("large",)


def test_what_is_slow_to_bring_back_stays():
    slow = Resident(name="slow", size_bytes=GIB, uses_per_hour=1, reload_s=20)
    quick = Resident(name="quick", size_bytes=GIB, uses_per_hour=2, reload_s=1)
    assert choose_victims([slow, quick], 1) == ("quick",)


def test_whom_a_later_victim_makes_superfluous_stays():
    little = Resident(name="little", size_bytes=1, uses_per_hour=0.001, reload_s=0.1)
    needed = Resident(name="needed", size_bytes=10, uses_per_hour=5, reload_s=1)
    assert choose_victims([little, needed], 10) == ("needed",)


def test_a_use_counts_half_after_the_half_life():
    once = UseRecord().used(0.0)
    assert once.uses_per_hour(HALF_LIFE_S) == once.uses_per_hour(0.0) / 2


def test_a_steady_use_is_seen_as_often_as_it_is():
    record = UseRecord()
    for minute in range(24 * 60):
        record = record.used(minute * 60.0)
    assert 58 < record.uses_per_hour(24 * 3600.0) < 62
