"""What a job's view says of its cost."""

from dataclasses import replace

import pytest

from backend.billing.ledger import Cost
from backend.contracts import RenderNote
from backend.domain.jobs import Block, Failure, JobState, Progress
from backend.domain.results import GenerationResult, Timings
from backend.domain.ways_out import NOT_CHECKED
from backend.service.job_view import JobView, gpu_time
from tests.builders import a_job

RESULT = GenerationResult(images=(), timings=Timings(denoise_s=2.75, total_s=99))
JOB = a_job(predicted_s=3.0, progress=Progress(step=12, steps=30))


@pytest.mark.parametrize(
    ("fields", "receipt", "cost"),
    [
        ({}, "", Cost(held_s=3.0, charged_s=0, refunded_s=0)),
        ({"state": JobState.RENDERING}, "", Cost(held_s=3.0, charged_s=0, refunded_s=0)),
        (
            {"state": JobState.DELIVERED, "result": RESULT},
            "2.8 GPU-seconds charged.",
            Cost(held_s=0, charged_s=2.75, refunded_s=0.25),
        ),
        (
            {"state": JobState.DELIVERED, "result": RESULT, "predicted_s": 1.0},
            "2.8 GPU-seconds charged.",
            Cost(held_s=0, charged_s=2.75, refunded_s=0),
        ),
        (
            {"state": JobState.CANCELLED},
            "After 12 of 30 steps: 1.2 GPU-seconds charged, the rest refunded.",
            Cost(held_s=0, charged_s=1.2, refunded_s=1.8),
        ),
        (
            {"state": JobState.CANCELLED, "progress": None},
            "Nothing was charged.",
            Cost(held_s=0, charged_s=0, refunded_s=3.0),
        ),
        (
            {"state": JobState.FAILED, "failure": Failure(code="x", message="It broke.")},
            "Nothing was charged.",
            Cost(held_s=0, charged_s=0, refunded_s=3.0),
        ),
        (
            {
                "state": JobState.BLOCKED,
                "block": Block(stage="image", outcome="review", category="nsfw", rule="r"),
            },
            "",
            Cost(held_s=0, charged_s=0, refunded_s=3.0),
        ),
    ],
)
def test_every_state_has_its_receipt(fields: dict[str, object], receipt: str, cost: Cost) -> None:
    view = JobView(job=replace(JOB, **fields))
    assert (view.receipt, view.cost) == (receipt, cost)
    assert view.why.endswith(receipt)
    assert len(view.why) > len(receipt)


def test_what_no_check_could_judge_is_told_from_what_a_check_holds() -> None:
    def held(category: str) -> str:
        block = Block(stage="image", outcome="block", category=category, rule="vetted.stale")
        return JobView(job=replace(JOB, state=JobState.BLOCKED, block=block)).why

    assert held("check_failed") == NOT_CHECKED
    assert "vetted" not in held("check_failed")
    assert "moderator" in held("nsfw")
    assert held("nsfw") != NOT_CHECKED


def test_gpu_time_is_said_with_two_digits() -> None:
    said = [gpu_time(seconds) for seconds in (0.0, 0.034, 0.5, 1.0, 2.75, 12.4, 1234.0)]
    assert said == [
        "0 GPU-seconds",
        "0.034 GPU-seconds",
        "0.5 GPU-seconds",
        "1 GPU-second",
        "2.8 GPU-seconds",
        "12 GPU-seconds",
        "1234 GPU-seconds",
    ]


@pytest.mark.parametrize("note", RenderNote)
def test_what_a_worker_did_otherwise_than_asked_is_told_in_a_sentence(note: RenderNote) -> None:
    told = JobView(
        job=replace(JOB, state=JobState.DELIVERED, result=replace(RESULT, notes=(note,)))
    )
    plain = JobView(job=replace(JOB, state=JobState.DELIVERED, result=RESULT))
    (sentence,) = set(told.notes) - set(plain.notes)
    assert sentence.endswith(".")


def test_what_a_newer_worker_notes_is_passed_over() -> None:
    result = replace(RESULT, notes=("danced",))
    assert JobView(job=replace(JOB, state=JobState.DELIVERED, result=result)).notes == ()
