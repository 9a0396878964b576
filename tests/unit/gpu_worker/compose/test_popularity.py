"""What the next hours usually ask for is known, and kept ready before it is asked for."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpu_worker.compose.cache_replay import (
    WEEK_S,
    LeastFrequent,
    LeastRecent,
    Predictive,
    Request,
    make_weeks,
    replay,
)
from gpu_worker.compose.popularity import HOUR_S, HOURS_OF_WEEK, Popularity, Warmth


def after_weeks(weeks: int, *habits: tuple[str, int, int]) -> Popularity:
    """Return what is learned from weeks in which each (name, hour of the week, uses) recurs."""
    popularity = Popularity(began_at_s=0.0)
    for week in range(weeks):
        for name, hour, uses in sorted(habits, key=lambda habit: habit[1]):
            for use in range(uses):
                at_s = (week * HOURS_OF_WEEK + hour) * HOUR_S + use
                popularity.record(name, at_s)
    return popularity


def at(week: int, hour: float) -> float:
    return (week * HOURS_OF_WEEK + hour) * HOUR_S


def test_what_an_hour_of_the_week_usually_asks_is_expected_then_and_not_otherwise():
    popularity = after_weeks(3, ("friday's", 116, 20))
    then, before, day_after = (popularity.expect_uses("friday's", at(3, h)) for h in (116, 90, 140))
    assert then > 5
    assert popularity.expect_uses("friday's", at(3, 115)) > 3, "it is fetched an hour ahead"
    assert before < 0.1
    assert day_after < 2


def test_habits_fade_when_nobody_keeps_them():
    popularity = after_weeks(2, ("old", 50, 20))
    expected = [popularity.expect_uses("old", at(week, 50)) for week in (2, 3, 4, 8)]
    assert expected == sorted(expected, reverse=True)
    assert expected[-1] < 0.5


def test_a_new_favourite_is_expected_though_it_has_no_history():
    popularity = Popularity(began_at_s=0.0)
    for minute in range(30):
        popularity.record("new", at(0, 20) + minute * 60)
    assert popularity.expect_uses("new", at(0, 20.5)) > 5
    assert popularity.expect_uses("unknown", at(0, 20.5)) == 0


def test_the_tiers_follow_the_operator_first_and_the_hours_then():
    popularity = after_weeks(3, ("friday's", 116, 20))
    hot = {"house style"}
    assert popularity.warmth("house style", at(3, 10), always_hot=hot) is Warmth.ALWAYS_HOT
    assert popularity.warmth("friday's", at(3, 116), always_hot=hot) is Warmth.FREQUENT
    assert popularity.warmth("friday's", at(3, 10), always_hot=hot) is Warmth.ON_DEMAND


def test_a_plan_has_the_always_hot_first_and_then_the_most_wanted_for_their_bytes():
    popularity = after_weeks(3, ("large", 116, 20), ("small", 116, 15), ("rare", 116, 1))
    sizes = {"large": 80, "small": 10, "rare": 10, "house style": 20}
    plan = popularity.plan(at(3, 116), sizes=sizes, room_bytes=120, always_hot={"house style"})
    assert plan[:3] == ("house style", "small", "large")
    narrow = popularity.plan(at(3, 116), sizes=sizes, room_bytes=50, always_hot={"house style"})
    assert "large" not in narrow


@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 4 * HOURS_OF_WEEK)), max_size=60),
    st.dictionaries(st.sampled_from([f"n{n}" for n in range(6)]), st.integers(1, 50)),
    st.integers(0, 120),
)
def test_a_plan_never_takes_more_room_than_there_is(
    uses: list[tuple[int, int]], sizes: dict[str, int], room: int
):
    popularity = Popularity(began_at_s=0.0)
    for number, hour in sorted(uses, key=lambda use: use[1]):
        popularity.record(f"n{number}", hour * HOUR_S)
    plan = popularity.plan(4 * WEEK_S, sizes=sizes, room_bytes=room, always_hot={"n0"})
    assert sum(sizes[name] for name in plan) <= room
    assert len(set(plan)) == len(plan)


@pytest.mark.parametrize("places", [10, 20, 40])
def test_in_a_week_with_habits_foresight_beats_recency_and_frequency(places: int):
    requests = make_weeks(weeks=4, seed=2)
    lru, lfu, predictive = (
        replay(requests, policy, places=places, judged_from_s=2 * WEEK_S).hit_rate
        for policy in (LeastRecent(), LeastFrequent(), Predictive(began_at_s=0.0))
    )
    assert predictive > lru + 0.03
    assert predictive > lfu + 0.03


def test_a_replay_counts_what_really_happens():
    requests = [Request(at_s=float(second), name=name) for second, name in enumerate("abacab")]
    outcome = replay(requests, LeastRecent(), places=2, judged_from_s=0.0)
    # a b miss, a hits, c takes b's place, a hits, b misses
    assert (outcome.requests, outcome.hits, outcome.loads_ahead) == (6, 2, 0)
    assert outcome.loads_per_request == 4 / 6


def test_least_frequent_keeps_the_favourite():
    requests = [Request(at_s=float(second), name=name) for second, name in enumerate("aaabcbca")]
    lfu = replay(requests, LeastFrequent(), places=2, judged_from_s=0.0)
    assert lfu.hits == 3
