"""Throttled progress, and the flag that is looked at on every step."""

import pytest

from gpu_worker.engine.steps import STUCK_AFTER_S, StepWatch
from gpu_worker.state import Cancelled


class Bench:
    """A watch with a clock and a flag in our hands."""

    def __init__(self, expected_steps: int = 1) -> None:
        self.now = 100.0
        self.is_cancelled = False
        self.looked = 0
        self.told: list[tuple[int, int]] = []
        self.watch = StepWatch(
            report=lambda done, steps: self.told.append((done, steps)),
            is_cancelled=self.look,
            expected_steps=expected_steps,
            clock=lambda: self.now,
        )

    def look(self) -> bool:
        self.looked += 1
        return self.is_cancelled


def test_first_and_last_step_are_always_told_and_the_flag_is_looked_at_every_time():
    bench = Bench()
    for done in range(1, 31):
        bench.watch(done, 30)
    assert bench.told == [(1, 30), (30, 30)]
    assert bench.looked == 30


def test_reports_keep_their_distance():
    bench = Bench()
    for done in range(1, 21):
        bench.watch(done, 20)
        bench.now += 0.05
    told = [done for done, _ in bench.told]
    assert told[0] == 1
    assert told[-1] == 20
    assert 5 <= len(told) <= 7


def test_slow_steps_are_all_told():
    bench = Bench()
    for done in range(1, 5):
        bench.watch(done, 4)
        bench.now += 1
    assert [done for done, _ in bench.told] == [1, 2, 3, 4]


def test_a_raised_flag_stops_at_the_next_step():
    bench = Bench()
    bench.watch(1, 9)
    bench.is_cancelled = True
    with pytest.raises(Cancelled):
        bench.watch(2, 9)


def test_holding_on_says_again_how_far_it_is_in_every_phase():
    bench = Bench(expected_steps=9)
    bench.watch.hold()
    bench.watch(0, 4)
    bench.watch.hold()
    bench.watch(1, 4)
    bench.watch.hold()
    bench.watch(4, 4)
    bench.watch.hold()
    assert bench.told == [(0, 9), (0, 4), (0, 4), (1, 4), (1, 4), (4, 4), (4, 4)]


def test_holding_on_ends_when_nothing_has_moved_for_very_long():
    bench = Bench()
    bench.watch(1, 4)
    bench.now += STUCK_AFTER_S - 1
    assert bench.watch.hold()
    bench.now += 2
    assert not bench.watch.hold()
    assert bench.told == [(1, 4), (1, 4)]
    bench.watch(2, 4)
    assert bench.watch.hold()
