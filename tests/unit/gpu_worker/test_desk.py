"""How many jobs a worker wants, and which of those in hand hang."""

import threading

import pytest

from gpu_worker.desk import POPPED_FOR_S, SLOTS, Desk
from gpu_worker.engine.pace import ASK_AHEAD_S, Bounds, Pace
from gpu_worker.engine.steps import StepWatch
from tests.unit.gpu_worker.conftest import a_render_job

LEAST_S, NEW_S, RELEASE_S = 12, 1800, 180


class Bench:
    """A desk with a clock in our hands."""

    def __init__(self, **fields) -> None:
        self.now = 100.0
        self.pace = Pace(
            bounds=Bounds(least_s=LEAST_S, times_usual=10, new_s=NEW_S, release_s=RELEASE_S)
        )
        self.desk = Desk(clock=lambda: self.now, lead=self.pace.lead, **fields)

    def take(self, **fields) -> StepWatch:
        watch = StepWatch(job=a_render_job(**fields), pace=self.pace, clock=lambda: self.now)
        self.desk.put(watch)
        return watch

    def draw(self, watch: StepWatch, steps: int = 4, *, until: int | None = None) -> None:
        for done in range((steps if until is None else until) + 1):
            watch(done, steps)
            self.now += 0.1

    def teach(self, **fields) -> None:
        """Let one job go all its way."""
        watch = self.take(**fields)
        self.draw(watch)
        watch.drawn()
        self.now += 0.1
        watch.end()
        self.desk.drop(watch)


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_an_idle_worker_wants_one_job(bench: Bench):
    assert bench.desk.wants() == 1


def test_a_worker_that_rests_wants_nothing_for_a_while(bench: Bench):
    bench.desk.rest(120.0)
    bench.now += 119.0
    assert bench.desk.wants() == 0
    bench.now += 1.0
    assert bench.desk.wants() == 1


def test_a_worker_that_draws_several_at_once_wants_as_many():
    bench = Bench(drawn_at_once=3)
    assert bench.desk.wants() == 3
    bench.take()
    assert bench.desk.wants() == 2


def test_the_next_job_is_wanted_when_the_last_step_begins(bench: Bench):
    watch = bench.take()
    wanted = []
    for done in range(4):
        watch(done, 4)
        bench.now += 1
        wanted.append(bench.desk.wants())
    assert wanted == [0, 0, 0, 1]
    bench.take()
    assert bench.desk.wants() == 0


def test_a_message_on_its_way_to_a_slot_counts(bench: Bench):
    bench.desk.pop()
    assert bench.desk.wants() == 0
    watch = bench.take()
    bench.desk.drop(watch)
    assert bench.desk.wants() == 1
    bench.desk.pop()
    bench.desk.unpop()
    assert bench.desk.wants() == 1


def test_a_message_that_was_thrown_away_is_forgotten(bench: Bench):
    bench.desk.pop()
    bench.now += POPPED_FOR_S + 1
    assert bench.desk.wants() == 1


def test_finished_jobs_that_are_not_stored_yet_fill_the_desk_in_the_end(bench: Bench):
    for _ in range(SLOTS):
        assert bench.desk.wants() == 1
        watch = bench.take()
        bench.draw(watch)
        watch.drawn()
    assert bench.desk.wants() == 0


def draw_with_slow_answers(bench: Bench, *, answer_s: float) -> float:
    """Draw a job whose successor comes late; return how long before its end that was wanted."""
    watch, asked, has_come = bench.take(), None, False
    for done in range(41):
        watch(done, 40)
        if asked is None and bench.desk.wants():
            asked = bench.now
        if asked is not None and not has_come and bench.now >= asked + answer_s:
            bench.desk.pop()
            has_come = True
        bench.now += 0.05
    ended = bench.now
    assert asked is not None
    if not has_come:
        bench.now = asked + answer_s
        bench.desk.pop()
    bench.desk.unpop()
    watch.drawn()
    watch.end()
    bench.desk.drop(watch)
    return ended - asked


def test_where_answers_are_slow_the_next_job_is_wanted_earlier(bench: Bench):
    ahead_s = [draw_with_slow_answers(bench, answer_s=0.6) for _ in range(8)]
    assert ahead_s[0] < 0.6
    assert all(0.6 <= one <= 1.1 for one in ahead_s[1:])


def test_an_idle_worker_does_not_take_people_for_slow_answers(bench: Bench):
    assert bench.desk.wants() == 1
    bench.now += 1.0
    assert bench.desk.wants() == 1
    bench.desk.pop()
    assert bench.pace.lead.ask_ahead_s == ASK_AHEAD_S[0]


def test_who_leaves_wants_nothing(bench: Bench):
    bench.desk.stop_asking()
    assert bench.desk.wants() == 0


def test_a_first_job_is_not_taken_for_hung_while_it_loads_and_compiles(bench: Bench):
    watch = bench.take()
    bench.now += NEW_S - 1
    assert bench.desk.hung() == []
    watch(0, 4)
    bench.now += NEW_S - 1
    assert bench.desk.hung() == []


def test_a_step_of_a_known_kind_that_does_not_end_is_hung(bench: Bench):
    bench.teach()
    watch = bench.take()
    bench.draw(watch, until=2)
    bench.now += LEAST_S - 0.5
    assert bench.desk.hung() == []
    bench.now += 1
    assert bench.desk.hung() == [watch]


def test_a_decoding_that_does_not_end_hangs_and_who_waits_behind_it_does_not(bench: Bench):
    bench.teach()
    watch = bench.take()
    bench.draw(watch)
    bench.take()
    bench.now += LEAST_S + 1
    assert bench.desk.hung() == [watch]


def test_a_new_size_may_compile_though_the_last_job_was_quick(bench: Bench):
    bench.teach()
    watch = bench.take(image_count=4)
    watch(0, 4)
    bench.now += 600
    assert bench.desk.hung() == []


def test_while_one_of_them_compiles_nobody_on_the_engine_hangs():
    bench = Bench(drawn_at_once=2)
    bench.teach()
    known, new = bench.take(), bench.take(image_count=4)
    bench.draw(known, until=2)
    new(0, 4)
    bench.now += 600
    assert bench.desk.hung() == []


def test_a_job_that_stands_aside_for_others_does_not_hang():
    bench = Bench(drawn_at_once=2)
    bench.teach()
    aside, turbo = bench.take(), bench.take()
    bench.draw(aside, until=2)
    turbo(0, 400)
    for done in range(1, 400):
        bench.now += 1
        turbo(done, 400)
        assert bench.desk.hung() == []
    turbo.drawn()
    bench.desk.drop(turbo)
    bench.now += 1
    assert bench.desk.hung() == []


def test_storing_hangs_by_itself_whatever_the_engine_does(bench: Bench):
    bench.teach()
    stored = bench.take()
    bench.draw(stored)
    stored.drawn()
    drawn = bench.take()
    drawn(0, 9999)
    for done in range(1, RELEASE_S + 2):
        assert bench.desk.hung() == []
        bench.now += 1
        drawn(done, 9999)
    assert bench.desk.hung() == [stored]


def test_beside_a_job_that_is_begun_again_nothing_is_wanted(bench: Bench):
    again = bench.take(attempt=2)
    bench.draw(again)
    assert again.is_ending
    assert bench.desk.wants() == 0
    bench.desk.drop(again)
    assert bench.desk.wants() == 1


def test_a_job_that_is_begun_again_waits_until_it_is_alone_and_the_next_waits_for_it(bench: Bench):
    first, again, last = bench.take(), bench.take(attempt=2), bench.take()
    went = [threading.Event(), threading.Event()]

    def wait(number: int) -> None:
        (bench.desk.wait_alone, bench.desk.wait_for_turn)[number]((again, last)[number])
        went[number].set()

    threads = [threading.Thread(target=wait, args=(number,)) for number in (0, 1)]
    for thread in threads:
        thread.start()
    assert not went[0].wait(0.05)
    # For however long the first one is stored, the engine is not hung.
    first(0, 1)
    first(1, 1)
    first.drawn()
    bench.now += 10 * NEW_S
    assert again not in bench.desk.hung()
    bench.desk.drop(first)
    assert went[0].wait(10)
    assert not bench.desk.hung()
    assert not went[1].is_set()
    bench.desk.drop(again)
    assert went[1].wait(10)
    for thread in threads:
        thread.join()


def test_jobs_begun_for_the_first_time_wait_for_nobody(bench: Bench):
    bench.take()
    other = bench.take()
    bench.desk.wait_for_turn(other)
    bench.desk.wait_alone(other)
