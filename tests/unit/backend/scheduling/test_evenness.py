"""How evenly accounts of one tier are served."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.scheduling.evenness import (
    EARLY_TURNS,
    ROUND_TURNS,
    RecentEvenness,
    RoundEnd,
    Rounds,
    jain,
    max_min,
    mean_jain,
)

WINDOW_S = 300.0


def play(order: str, *, waiting: Counter[str] | None = None, rounds: Rounds | None = None):
    """Let one job a second begin, of these accounts; return the rounds that end."""
    waiting = Counter(order) if waiting is None else waiting
    rounds = rounds or Rounds()
    ended = []
    for second, account in enumerate(order):
        over = rounds.begin(
            account,
            1.0,
            now_s=float(second),
            waiting=[each for each in waiting if waiting[each]],
            is_last=waiting[account] == 1,
        )
        waiting[account] -= 1
        if over is not None:
            ended.append(over)
    return ended


def test_turns_in_turn_are_even() -> None:
    [first, second] = play("ab" * 16, waiting=Counter(a=99, b=99))
    assert (first.jain, second.jain) == (1.0, 1.0)
    # Two accounts for the fifteen seconds between the first and the sixteenth beginning.
    assert first.weight == 2 * 15


def test_an_account_that_takes_everything_from_two_others_is_a_third_even() -> None:
    waiting = Counter(a=100, b=10, c=10)
    [only] = play("a" * ROUND_TURNS * 3, waiting=waiting)
    assert only.jain == pytest.approx(1 / 3)


def test_who_got_all_that_was_wanted_is_due_no_more() -> None:
    # b wanted one job and has it: that a then gets all the rest is not uneven.
    [only] = play("ab" + "a" * 14, waiting=Counter(a=40, b=1))
    assert only.jain == pytest.approx(1.0)


def test_half_of_what_was_due_is_nine_tenths_even() -> None:
    # 12 : 4 where 8 : 8 was due: (1.5 + 0.5)^2 / (2 * (1.5^2 + 0.5^2)) = 0.8
    [only] = play("aaab" * 4, waiting=Counter(a=40, b=40))
    assert only.jain == pytest.approx(0.8)


def test_nobody_competes_with_oneself() -> None:
    assert play("a" * 50) == []


def test_who_has_lost_its_jobs_wants_no_more() -> None:
    rounds = Rounds()
    waiting = Counter(a=100, b=5)
    assert play("a" * 12, waiting=waiting, rounds=rounds) == []
    rounds.satisfy(lambda account: account == "a")
    [only] = play("a", waiting=Counter(a=88), rounds=rounds)
    assert only.jain == pytest.approx(1.0)


def test_rounds_are_weighed_by_their_length_and_accounts() -> None:
    rounds = [
        RoundEnd(ended_s=1, weight=3, jain=1.0),
        RoundEnd(ended_s=2, weight=1, jain=0.6),
    ]
    assert mean_jain(rounds) == pytest.approx(0.9)
    assert mean_jain([RoundEnd(ended_s=1, weight=0, jain=0.6)]) == pytest.approx(0.6)
    assert mean_jain([]) == 1.0


def fed(order: str, waiting: Counter[str]) -> RecentEvenness:
    recent = RecentEvenness(window_s=WINDOW_S)
    for second, account in enumerate(order):
        recent.begin(account, 1.0, now_s=float(second), waiting=list(waiting), is_last=False)
    return recent


def test_a_round_counts_until_it_is_long_over() -> None:
    recent = fed("aaab" * 4, Counter("ab"))
    assert recent.index(20, waits=bool) == pytest.approx(0.8)
    assert recent.index(15 + WINDOW_S, waits=bool) == pytest.approx(0.8)
    assert recent.index(16 + WINDOW_S, waits=bool) is None


def test_a_round_that_lasts_says_something_once_each_could_have_had_some_turns() -> None:
    turns = 2 * EARLY_TURNS
    assert fed("ab" * turns, Counter("ab")).index(turns, waits=bool) == pytest.approx(1.0)
    assert fed("a" * (turns - 1), Counter("ab")).index(turns, waits=bool) is None
    assert fed("a" * turns, Counter("ab")).index(turns, waits=bool) == pytest.approx(0.5)


@given(order=st.text("abc", max_size=200))
def test_the_index_lies_between_one_over_n_and_one(order: str) -> None:
    for over in play(order):
        assert 1 / 3 - 1e-9 <= over.jain <= 1 + 1e-9
        assert over.weight >= 0


@given(
    asked=st.dictionaries(st.text(max_size=3), st.floats(0, 100), min_size=1),
    capacity=st.floats(0, 300),
)
def test_max_min_gives_nobody_more_than_asked_nor_less_than_an_equal_part(asked, capacity) -> None:
    parts = max_min(asked, capacity)
    assert sum(parts.values()) == pytest.approx(min(capacity, sum(asked.values())), abs=1e-6)
    for name, part in parts.items():
        assert part <= asked[name] + 1e-9
        assert part >= min(asked[name], capacity / len(asked)) - 1e-6


def test_jains_index_is_one_over_n_where_one_has_everything() -> None:
    assert jain([1, 1, 1]) == pytest.approx(1.0)
    assert jain([5, 0, 0, 0]) == pytest.approx(0.25)
    assert jain([]) == 1.0
