"""Whose turn it is, who comes along and who stands aside: pure, and so tried on many histories."""

import itertools
from collections.abc import Sequence
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from backend.contracts import TIER_POLICIES, Tier
from gpu_worker.engine.batch import MOST_BEGUN, MOST_PUT_OFF, Shares, Tick, choose_tick
from gpu_worker.engine.preempt import MOST_PARKED, MOST_TICKS_ASIDE, choose_aside
from gpu_worker.engine.seat import Seat, Stage

A_ROW = 100
BUDGET = 8 * A_ROW


def a_seat(number: int = 0, tier: Tier = Tier.FAST, **fields) -> Seat:
    return Seat(
        number=number,
        tier=tier,
        **{"stage": Stage.DRAWING, "key": "square", "rows": 2, "row_pixels": A_ROW, **fields},
    )


def choose(seats: Sequence[Seat], shares: Shares | None = None) -> tuple[Tick, Shares]:
    return choose_tick(seats, shares or Shares(), most_pixels=BUDGET)


@st.composite
def jobs(draw: st.DrawFn) -> list[tuple[int, Tier, int, str, int]]:
    """Arrivals: at which tick, in which tier, how many steps, of which shape, how many rows."""
    return draw(
        st.lists(
            st.tuples(
                st.integers(0, 60),
                st.sampled_from(Tier),
                st.integers(0, 12),
                st.sampled_from(["square", "wide"]),
                st.integers(1, 12),
            ),
            max_size=24,
        )
    )


class House:
    """Plays histories as the engine does, with nothing to draw, and checks each tick."""

    def __init__(self) -> None:
        self.seats: dict[int, Seat] = {}
        self.steps_left: dict[int, int] = {}
        self.shapes: dict[int, tuple[str, int]] = {}
        self.shares = Shares()
        self.ended: list[int] = []
        self.was_parked: set[int] = set()

    def arrive(self, number: int, tier: Tier, steps: int, key: str, rows: int) -> None:
        self.seats[number] = Seat(number=number, tier=tier, stage=Stage.WAITING)
        self.steps_left[number] = steps
        self.shapes[number] = (key, rows)

    def tick(self) -> None:
        aside = choose_aside(list(self.seats.values()))
        for number, seat in self.seats.items():
            is_aside = number in aside
            self.seats[number] = replace(
                seat,
                is_parked=is_aside and seat.stage is not Stage.WAITING,
                ticks_aside=seat.ticks_aside + is_aside,
            )
        self.check_aside(aside)
        present = [seat for number, seat in self.seats.items() if number not in aside]
        tick, self.shares = choose(present, self.shares)
        self.check_tick(tick, {seat.number: seat for seat in present})
        for number in tick.numbers:
            self.go_on(number)

    def check_aside(self, aside: frozenset[int]) -> None:
        parked = [seat for seat in self.seats.values() if seat.is_parked]
        assert len(parked) <= MOST_PARKED
        assert all(seat.tier is Tier.RELAX for seat in parked)
        is_turbo = any(seat.tier is Tier.TURBO for seat in self.seats.values())
        assert is_turbo or not parked
        assert all(self.seats[number].tier is not Tier.TURBO for number in aside)
        self.was_parked = {seat.number for seat in parked}

    def check_tick(self, tick: Tick, present: dict[int, Seat]) -> None:
        chosen = [present[number] for number in tick.numbers]
        assert chosen
        assert {seat.stage for seat in chosen} == {tick.stage}
        if tick.stage is not Stage.DRAWING:
            assert len(chosen) == 1
            return
        assert len({seat.key for seat in chosen}) == 1
        assert len(chosen) == 1 or sum(seat.pixels for seat in chosen) <= BUDGET
        peers = [s for s in present.values() if s.tier is chosen[0].tier and s.stage is tick.stage]
        assert chosen[0].number == min(seat.number for seat in peers)

    def go_on(self, number: int) -> None:
        seat = self.seats[number]
        key, rows = self.shapes[number]
        match seat.stage:
            case Stage.WAITING:
                seat = replace(seat, key=key, rows=rows, row_pixels=A_ROW)
            case Stage.DRAWING:
                self.steps_left[number] -= 1
            case Stage.FINISHING:
                del self.seats[number]
                self.ended.append(number)
                return
        left = self.steps_left[number]
        self.seats[number] = replace(seat, stage=Stage.DRAWING if left else Stage.FINISHING)


@settings(max_examples=200, deadline=None)
@given(jobs())
def test_every_job_ends_in_no_more_ticks_than_it_would_take_one_after_another(arrivals):
    house = House()
    work = 0
    for now in range(61):
        for number, (at, tier, steps, key, rows) in enumerate(arrivals):
            if at == now:
                house.arrive(number, tier, steps, key, rows)
                work += steps + 2
        if house.seats:
            house.tick()
            work -= 1
    while house.seats:
        house.tick()
        work -= 1
        assert work >= 0
    assert sorted(house.ended) == list(range(len(arrivals)))


@settings(max_examples=30, deadline=None)
@given(
    steps=st.integers(1, 12),
    turbo_steps=st.integers(1, 12),
    shape=st.sampled_from(["square", "wide"]),
    turbo_jobs=st.integers(1, 3),
)
def test_a_relax_job_ends_though_turbo_jobs_never_stop_coming(
    steps: int, turbo_steps: int, shape: str, turbo_jobs: int
):
    house = House()
    house.arrive(0, Tier.RELAX, steps, "square", 2)
    number = 1
    # Its weight is a tenth of theirs, beginning and finishing included.
    patience = MOST_TICKS_ASIDE + 30 * (steps + 2) + 60
    for _ in range(patience):
        turbo = [seat for seat in house.seats.values() if seat.tier is Tier.TURBO]
        for _ in range(turbo_jobs - len(turbo)):
            house.arrive(number, Tier.TURBO, turbo_steps, shape, 2)
            number += 1
        house.tick()
        if 0 in house.ended:
            return
    raise AssertionError(f"not drawn in {patience} ticks")


def test_tiers_that_share_no_look_take_turns_by_their_weights():
    seats = [a_seat(i, tier, key=tier) for i, tier in enumerate(Tier)]
    shares, turns = Shares(), dict.fromkeys(Tier, 0)
    for _ in range(160):
        tick, shares = choose(seats, shares)
        turns[seats[tick.numbers[0]].tier] += 1
    assert turns == {tier: 10 * TIER_POLICIES[tier].weight for tier in Tier}


def test_a_tier_that_was_away_saves_no_turns_up():
    busy, other = a_seat(0, Tier.FAST, key="a"), a_seat(1, Tier.RELAX, key="b")
    shares = Shares()
    for _ in range(100):
        _, shares = choose([busy], shares)
    turns = []
    for _ in range(12):
        tick, shares = choose([busy, other], shares)
        turns += tick.numbers
    assert turns.count(1) == 2


def test_inside_a_tier_the_oldest_leads_and_others_of_its_shape_come_along():
    seats = [a_seat(0, key="wide"), a_seat(1), a_seat(2, key="wide"), a_seat(3, Tier.RELAX)]
    assert choose(seats)[0].numbers == (0, 2)
    assert choose(seats[1:])[0].numbers == (1, 3)


def test_who_does_not_fit_the_budget_stays_behind_and_a_smaller_one_may_come():
    seats = [a_seat(0, rows=4), a_seat(1, rows=6), a_seat(2, rows=4)]
    assert choose(seats)[0].numbers == (0, 2)
    assert choose([a_seat(0, rows=40), a_seat(1, rows=1)])[0].numbers == (0,)


def test_a_job_begins_before_anything_is_drawn_and_finishes_before_its_elders_go_on():
    waiting = a_seat(2, stage=Stage.WAITING, key=None, rows=0)
    finishing = a_seat(1, stage=Stage.FINISHING)
    assert choose([a_seat(0), finishing, waiting])[0] == Tick(stage=Stage.WAITING, numbers=(2,))
    assert choose([a_seat(0), finishing])[0] == Tick(stage=Stage.FINISHING, numbers=(1,))


def test_only_a_turbo_job_begins_where_many_have_begun():
    begun = [a_seat(number) for number in range(MOST_BEGUN)]
    late = [
        a_seat(50, Tier.FAST, stage=Stage.WAITING),
        a_seat(51, Tier.TURBO, stage=Stage.WAITING),
    ]
    assert choose([*begun, *late])[0].numbers == (51,)
    assert choose([*begun, late[0]])[0].stage is Stage.DRAWING


def test_a_turbo_jobs_step_takes_no_relax_job_along():
    seats = [a_seat(0, Tier.RELAX), a_seat(1, Tier.TURBO), a_seat(2, Tier.FAST)]
    assert choose(seats)[0].numbers == (1, 2)


def test_two_relax_jobs_are_parked_for_a_turbo_job_and_fast_ones_never():
    relax = [a_seat(number, Tier.RELAX) for number in range(3)]
    fast = a_seat(3, Tier.FAST)
    turbo = a_seat(4, Tier.TURBO, stage=Stage.WAITING)
    assert choose_aside([*relax, fast, turbo]) == {0, 1}
    assert choose_aside([*relax, fast]) == frozenset()


def test_a_job_that_is_parked_stays_so_when_an_older_one_could_be():
    seats = [
        a_seat(0, Tier.RELAX),
        a_seat(1, Tier.RELAX, is_parked=True),
        a_seat(2, Tier.RELAX, is_parked=True),
        a_seat(3, Tier.TURBO),
    ]
    assert choose_aside(seats) == {1, 2}


def test_no_job_begins_while_one_of_its_tier_is_parked():
    parked = a_seat(0, Tier.RELAX, is_parked=True)
    late = a_seat(1, Tier.RELAX, stage=Stage.WAITING)
    assert choose_aside([parked, late]) == {1}
    assert choose_aside([replace(parked, is_parked=False), late]) == frozenset()
    fast = a_seat(2, Tier.FAST, stage=Stage.WAITING)
    assert choose_aside([parked, fast]) == frozenset()


def test_patience_ends():
    tired = a_seat(0, Tier.RELAX, is_parked=True, ticks_aside=MOST_TICKS_ASIDE)
    assert choose_aside([tired, a_seat(1, Tier.TURBO)]) == frozenset()


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(Tier), st.sampled_from(["bare", "fox", "owl"])),
        min_size=1,
        max_size=8,
    )
)
def test_whose_turn_it_is_waits_for_another_outfit_only_so_long_and_a_turbo_job_never(kinds):
    seats = [
        a_seat(number, tier, key=outfit, outfit=outfit)
        for number, (tier, outfit) in enumerate(kinds)
    ]
    present = {tier for tier, _ in kinds}
    shares, put_off = Shares(), 0
    for _ in range(60):
        rightful = min(
            (seat for seat in seats if seat.tier is shares.lead(present)), key=lambda s: s.number
        )
        worn = shares.outfit
        tick, shares = choose(seats, shares)
        if tick.numbers[0] == rightful.number:
            put_off = 0
            continue
        put_off += 1
        assert put_off <= MOST_PUT_OFF
        assert rightful.tier is not Tier.TURBO
        assert seats[tick.numbers[0]].outfit == worn != rightful.outfit


def test_two_tiers_in_different_outfits_do_not_change_clothes_at_every_step():
    fast = a_seat(0, Tier.FAST, key="fox", outfit="fox")
    relax = a_seat(1, Tier.RELAX, key="owl", outfit="owl")
    shares, worn = Shares(), []
    for _ in range(600):
        tick, shares = choose([fast, relax], shares)
        worn += [("fox", "owl")[tick.numbers[0]]]
    changes = sum(one != other for one, other in itertools.pairwise(worn))
    assert changes <= 600 / (MOST_PUT_OFF + 1)
    # And nobody gets less for it in the long run: five to one.
    assert abs(worn.count("owl") - 100) <= 2 * MOST_PUT_OFF


def test_clothes_are_changed_at_once_for_a_turbo_job_and_when_nobody_wears_them_any_more():
    fox = a_seat(0, Tier.FAST, key="fox", outfit="fox")
    _, shares = choose([fox])
    turbo = a_seat(1, Tier.TURBO, key="owl", outfit="owl")
    assert choose([fox, turbo], shares)[0].numbers == (1,)
    bare = a_seat(2, Tier.FAST, key="bare", outfit=())
    ending = replace(fox, stage=Stage.FINISHING)
    _, shares = choose([ending, bare], shares)
    assert choose([bare], shares)[0].numbers == (2,)
