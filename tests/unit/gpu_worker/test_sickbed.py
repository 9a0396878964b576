"""A worker whose model does not load: kept aside while others serve, and tried again."""

from collections.abc import Iterator

import pytest

from backend.contracts import WorkerState
from gpu_worker.course import Course
from gpu_worker.desk import Desk
from gpu_worker.engine.loop import Engine
from gpu_worker.engine.rehearsal import SleepingArtist
from gpu_worker.render.drawing import Artist
from gpu_worker.sickbed import FIRST_PAUSE_S, LONGEST_PAUSE_S, LOOK_EVERY_S, Sickbed
from gpu_worker.state import ModelBroken


class Ward:
    """A sickbed over a real engine whose model is broken for as long as we say."""

    def __init__(self) -> None:
        self.now = 0.0
        self.tries = 0
        self.is_broken = True
        self.others_serve = True
        self.engine = Engine(open_artist=self._open)
        self.course = Course()
        self.desk = Desk(clock=lambda: self.now)
        self.bed = Sickbed(
            engine=self.engine,
            course=self.course,
            desk=self.desk,
            others_serve=lambda: self.others_serve,
            clock=lambda: self.now,
        )

    def _open(self) -> Artist:
        self.tries += 1
        if self.is_broken:
            raise ModelBroken("half of a file is missing")
        return SleepingArtist(step_s=0.0, steps=1)

    def lay_down(self) -> None:
        self.course.move(WorkerState.LOADING)
        self.course.move(WorkerState.ERROR)
        self.bed.lay_down(ModelBroken("half of a file is missing"))

    def pass_time(self, seconds: float) -> None:
        """Tend every second; what the engine is asked has been answered before the next."""
        for _ in range(round(seconds)):
            self.now += 1.0
            self.bed.tend()
            # The engine's thread takes what is put in order: this one comes behind the try.
            self.engine.load().exception(timeout=10)
            self.tries -= self.is_broken


@pytest.fixture
def ward() -> Iterator[Ward]:
    ward = Ward()
    ward.engine.start()
    yield ward
    ward.engine.close()


def test_it_asks_for_nothing_while_others_serve(ward: Ward):
    ward.lay_down()
    ward.pass_time(LOOK_EVERY_S)
    assert ward.desk.wants() == 0
    assert ward.course.state is WorkerState.UNHEALTHY


def test_alone_it_takes_jobs_to_say_why_they_cannot_be_drawn(ward: Ward):
    ward.lay_down()
    ward.others_serve = False
    ward.pass_time(LOOK_EVERY_S)
    assert ward.desk.wants() == 1
    assert ward.course.state is WorkerState.UNHEALTHY
    ward.others_serve = True
    ward.pass_time(LOOK_EVERY_S)
    assert ward.desk.wants() == 0


def test_a_repaired_model_puts_it_back_into_service(ward: Ward):
    ward.lay_down()
    ward.is_broken = False
    ward.pass_time(FIRST_PAUSE_S + 2)
    assert ward.course.state is WorkerState.IDLE
    assert ward.desk.wants() == 1


def test_it_tries_again_less_and_less_often(ward: Ward):
    ward.lay_down()
    ward.pass_time(FIRST_PAUSE_S + 1)
    assert ward.tries == 1
    ward.pass_time(2 * FIRST_PAUSE_S + 2)
    assert ward.tries == 2
    ward.pass_time(10 * LONGEST_PAUSE_S)
    assert 10 <= ward.tries <= 16


def test_a_job_that_it_drew_all_the_same_is_proof(ward: Ward):
    ward.lay_down()
    ward.course.recover()
    ward.desk.rest(0.0)
    ward.pass_time(LOOK_EVERY_S)
    assert ward.desk.wants() == 1


def test_a_healthy_worker_is_left_alone(ward: Ward):
    ward.pass_time(10)
    assert ward.desk.wants() == 1
    assert ward.course.state is WorkerState.INITIALISING
