"""Whose turn it is."""

from hypothesis import given
from hypothesis import strategies as st

from backend.domain.requests import JobId
from backend.domain.tiers import Tier
from backend.scheduling.fair_queue import choose, room

ids = st.integers(0, 10**6).map(lambda number: JobId(f"gen_{number}"))
lines = st.dictionaries(st.sampled_from(Tier), st.lists(ids, unique=True, max_size=12))
counts = st.dictionaries(st.sampled_from(Tier), st.integers(0, 12))
windows = st.integers(0, 12)


def test_inside_a_tier_the_first_to_come_is_the_first_to_go() -> None:
    waiting = {Tier.FAST: [JobId("a"), JobId("b"), JobId("c")]}
    assert choose(waiting=waiting, in_flight={}, window=2) == ["a", "b"]


def test_a_full_tier_leaves_the_others_their_room() -> None:
    waiting = {Tier.TURBO: [JobId("t")], Tier.RELAX: [JobId("r")]}
    assert choose(waiting=waiting, in_flight={Tier.TURBO: 2}, window=2) == ["r"]


def test_without_a_window_nothing_is_sent() -> None:
    assert choose(waiting={Tier.TURBO: [JobId("t")]}, in_flight={}, window=0) == []


@given(waiting=lines, in_flight=counts, window=windows)
def test_each_tier_gives_its_oldest_jobs_in_order(waiting, in_flight, window) -> None:
    chosen = choose(waiting=waiting, in_flight=in_flight, window=window)
    rest = list(chosen)
    for tier in Tier:
        line = waiting.get(tier, [])
        taken = rest[: min(len(line), room(in_flight=in_flight, window=window)[tier])]
        assert taken == line[: len(taken)]
        rest = rest[len(taken) :]
    assert rest == []


@given(waiting=lines, in_flight=counts, window=windows)
def test_no_tier_exceeds_its_window_and_none_with_room_goes_hungry(
    waiting, in_flight, window
) -> None:
    # Ids may occur in two tiers here; count by position instead of by id.
    chosen = choose(waiting=waiting, in_flight=in_flight, window=window)
    expected = 0
    for tier in Tier:
        free = max(0, window - in_flight.get(tier, 0))
        expected += min(free, len(waiting.get(tier, [])))
    assert len(chosen) == expected
