"""A worker rests when what happens to its jobs would happen to any: no memory, no working check."""

from typing import Any, Final

import pytest

from backend.contracts import RenderBlocked, RenderFailed, RenderFinished, StageTimings, WorkerState
from gpu_worker.course import Course
from gpu_worker.desk import Desk
from gpu_worker.state import OutOfMemory
from gpu_worker.vram.quarantine import MOST_FAILURES, REST_S
from gpu_worker.wellbeing import NO_CHECK, NO_MEMORY, Wellbeing

OF_A_JOB: Final[Any] = {"job_id": "gen_1", "attempt": 1, "worker": "w"}


class Patient:
    """A worker at its desk, of which only how its jobs end is known."""

    def __init__(self) -> None:
        self.now = 1000.0
        self.told: list[str] = []
        self.course = Course(lambda transition: self.told.append(transition.reason))
        self.course.move(WorkerState.LOADING)
        self.course.move(WorkerState.IDLE)
        self.desk = Desk(clock=lambda: self.now)
        self.troubles = {"vetted.stale": "the list of known pictures vetted is stale"}
        self.wellbeing = Wellbeing(
            course=self.course,
            desk=self.desk,
            trouble_behind=lambda rule: self.troubles.get(rule, ""),
            clock=lambda: self.now,
        )

    def held(self, rule: str = "timed_out", category: str = "check_failed") -> None:
        self.now += 1
        self.wellbeing.mind(
            RenderBlocked(**OF_A_JOB, outcome="block", category=category, rule=rule, score=None)
        )

    def failed(self, code: str) -> None:
        self.now += 1
        self.wellbeing.mind(RenderFailed(**OF_A_JOB, code=code, message="x", is_retryable=True))

    def finished(self) -> None:
        none = StageTimings(encode_s=0, denoise_s=0, decode_s=0, release_s=0, total_s=0)
        self.wellbeing.mind(RenderFinished(**OF_A_JOB, images=(), timings=none))


@pytest.fixture
def patient() -> Patient:
    return Patient()


def test_one_job_whose_check_failed_stops_nobody(patient: Patient) -> None:
    for _ in range(MOST_FAILURES - 1):
        patient.held()
    assert not patient.course.is_ill
    assert patient.desk.wants() == 1


def test_a_check_that_fails_for_jobs_in_a_row_does_not_hold_all_that_wait(patient: Patient) -> None:
    for _ in range(MOST_FAILURES):
        patient.held()
    assert patient.course.state is WorkerState.UNHEALTHY
    assert patient.told[-1] == f"{NO_CHECK} (timed_out)"
    assert patient.desk.wants() == 0
    patient.now += REST_S + 1
    assert patient.desk.wants() == 1
    patient.held()
    assert patient.desk.wants() == 0


def test_checks_that_fail_each_in_another_way_are_accidents(patient: Patient) -> None:
    for rule in ("raised", "timed_out", "wrong_count", "raised", "timed_out"):
        patient.held(rule)
    assert not patient.course.is_ill


def test_a_picture_that_left_puts_it_back_into_service(patient: Patient) -> None:
    for _ in range(MOST_FAILURES):
        patient.held()
    patient.finished()
    assert not patient.course.is_ill
    assert patient.desk.wants() == 1
    patient.held()
    assert patient.desk.wants() == 1


def test_pictures_held_for_what_they_show_are_proof_that_checks_work(patient: Patient) -> None:
    for _ in range(MOST_FAILURES):
        patient.held()
        patient.held(rule="nsfw.score", category="sexual")
    assert not patient.course.is_ill


def test_a_list_that_cannot_be_relied_on_is_trouble_at_once(patient: Patient) -> None:
    patient.held(rule="vetted.stale")
    assert patient.told[-1] == patient.troubles["vetted.stale"]
    assert patient.desk.wants() == 0


def test_jobs_in_a_row_without_memory_are_no_accident(patient: Patient) -> None:
    for _ in range(MOST_FAILURES):
        patient.failed("internal_error")
    assert not patient.course.is_ill
    for _ in range(MOST_FAILURES):
        patient.failed(OutOfMemory.code)
    assert patient.told[-1] == NO_MEMORY
