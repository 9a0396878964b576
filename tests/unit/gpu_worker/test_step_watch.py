"""What is noted between two steps: progress to tell, the stage, and whether the end is near."""

import pytest

from gpu_worker.engine.pace import ASK_AHEAD_S, Bounds, Pace, Stage, shape_of
from gpu_worker.engine.steps import BEAT_EVERY_S, StepWatch
from gpu_worker.state import Cancelled
from tests.unit.gpu_worker.conftest import a_render_job


class Bench:
    """A watch with a clock in our hands, and a herald that looks after every step."""

    def __init__(self, **fields) -> None:
        self.now = 100.0
        self.news = 0
        self.told: list[tuple[int, int]] = []
        self.pace = Pace(bounds=Bounds(least_s=12, times_usual=10, new_s=1800, release_s=180))
        self.job = a_render_job(**fields)
        self.watch = self.watch_again()

    def watch_again(self) -> StepWatch:
        watch = self.watch_in_hand()
        watch.begin()
        return watch

    def watch_in_hand(self) -> StepWatch:
        return StepWatch(job=self.job, pace=self.pace, clock=lambda: self.now, on_news=self.hear)

    def hear(self) -> None:
        self.news += 1

    def look(self) -> None:
        news = self.watch.news()
        if news is not None:
            self.told.append(news)

    def step(self, done: int, steps: int, *, after_s: float = 0.0) -> None:
        self.now += after_s
        self.watch(done, steps)
        self.look()

    def draw(self, steps: int, *, step_s: float, decode_s: float) -> None:
        """Draw a whole job of its own."""
        self.watch = self.watch_again()
        self.watch(0, steps)
        for done in range(1, steps + 1):
            self.step(done, steps, after_s=step_s)
        self.now += decode_s
        self.watch.drawn()
        self.watch.end()


def test_nothing_is_told_of_a_job_before_its_beginning_is():
    bench = Bench()
    bench.watch = bench.watch_in_hand()
    bench.now += 10 * BEAT_EVERY_S
    bench.look()
    assert bench.told == []
    bench.watch.begin()
    bench.look()
    assert len(bench.told) == 1


def test_the_beginning_and_the_end_are_told_and_little_between():
    bench = Bench()
    for done in range(31):
        bench.step(done, 30)
    assert bench.told == [(0, 30), (30, 30)]


def test_reports_keep_their_distance():
    bench = Bench()
    for done in range(21):
        bench.step(done, 20, after_s=0.05)
    assert bench.told[0] == (0, 20)
    assert bench.told[-1] == (20, 20)
    assert 5 <= len(bench.told) <= 7


def test_slow_steps_are_all_told():
    bench = Bench()
    for done in range(5):
        bench.step(done, 4, after_s=1)
    assert [done for done, _ in bench.told] == [0, 1, 2, 3, 4]


def test_how_far_it_is_is_said_again_at_every_stage_until_the_end():
    bench = Bench(steps=9)
    for stage in (lambda: None, lambda: bench.watch(0, 4), lambda: bench.watch(4, 4)):
        stage()
        for _ in range(2):
            bench.now += BEAT_EVERY_S
            bench.look()
    assert bench.told == [(0, 9), (0, 9), (0, 4), (0, 4), (4, 4), (4, 4)]
    bench.watch.drawn()
    bench.now += BEAT_EVERY_S
    bench.look()
    assert bench.told[-1] == (4, 4)
    bench.watch.end()
    bench.now += BEAT_EVERY_S
    assert bench.watch.news() is None


def test_a_cancelled_job_stops_at_its_next_step():
    bench = Bench()
    bench.step(1, 9)
    bench.watch.cancel()
    with pytest.raises(Cancelled):
        bench.watch(2, 9)


def test_a_cancelled_job_that_waits_between_two_steps_stops_there():
    bench = Bench()
    bench.step(1, 9)
    bench.watch.cancel()
    with pytest.raises(Cancelled):
        bench.watch(1, 9)


def test_the_stages_follow_what_the_engine_does():
    bench = Bench()
    seen = [bench.watch.stage]
    for done in (0, 1, 1, 2):
        bench.watch(done, 2)
        seen.append(bench.watch.stage)
    bench.watch.drawn()
    seen.append(bench.watch.stage)
    bench.watch.end()
    assert seen == [
        Stage.WAITING,
        Stage.BEGINNING,
        Stage.STEPPING,
        Stage.STEPPING,
        Stage.DECODING,
        Stage.RELEASING,
    ]
    assert bench.watch.stage is Stage.TOLD


def test_of_a_kind_never_drawn_the_last_step_is_the_end():
    bench = Bench()
    ends = []
    for done in range(5):
        bench.step(done, 4, after_s=1)
        ends.append(bench.watch.is_ending)
    assert ends == [False, False, False, True, True]


def test_of_a_known_kind_the_end_is_near_when_the_next_job_must_be_asked_for():
    bench = Bench()
    bench.draw(20, step_s=0.05, decode_s=0.1)
    bench.watch = bench.watch_again()
    first_ending = None
    for done in range(21):
        bench.step(done, 20, after_s=0.05)
        if bench.watch.is_ending and first_ending is None:
            first_ending = done
    assert first_ending is not None
    assert (20 - first_ending) * 0.05 + 0.1 <= ASK_AHEAD_S[0] + 0.001
    assert (21 - first_ending) * 0.05 + 0.1 > ASK_AHEAD_S[0]


def test_whoever_asks_for_jobs_hears_at_once_that_the_end_is_near():
    bench = Bench()
    bench.step(0, 9)
    bench.step(1, 9)
    heard = bench.news
    for done in range(2, 8):
        bench.step(done, 9, after_s=1)
    assert bench.news == heard
    bench.step(8, 9, after_s=1)
    assert bench.news == heard + 1


def test_each_stage_learns_how_long_it_takes():
    bench = Bench()
    bench.draw(4, step_s=0.5, decode_s=3)
    shape = shape_of(bench.job)
    assert bench.pace.usual_s(Stage.BEGINNING, shape) == 0.5
    assert bench.pace.usual_s(Stage.STEPPING, shape) == 0.5
    assert bench.pace.usual_s(Stage.DECODING, shape) == 3


def test_what_broke_in_the_middle_teaches_nothing_of_that_stage():
    bench = Bench()
    bench.step(0, 9)
    bench.step(1, 9)
    bench.now += 60
    bench.watch.end()
    assert bench.pace.usual_s(Stage.STEPPING, shape_of(bench.job)) is None


def test_who_waits_for_a_store_that_is_away_is_not_hung_and_hears_of_a_cancel():
    bench = Bench()
    bench.draw(4, step_s=1.0, decode_s=1.0)
    bench.watch = bench.watch_again()
    bench.watch(4, 4)
    bench.watch.drawn()
    bench.now += 170
    bench.watch.wait_on()
    bench.now += 170
    assert bench.watch.stage is Stage.RELEASING
    assert bench.watch.stage_s < bench.watch.bound_s
    bench.watch.cancel()
    with pytest.raises(Cancelled):
        bench.watch.wait_on()
