"""What REST clients are shown of a job."""

from dataclasses import replace

import pytest

from backend.domain.jobs import Failure, JobState
from backend.domain.prompts import Translation, WeightedPart
from backend.gateway.presentation import generation_of
from backend.service.job_view import JobView
from tests.builders import a_job, a_spec


@pytest.mark.parametrize("code", ["model_missing", "model_broken"])
def test_a_failure_names_no_folder_of_the_workers_host(code: str) -> None:
    failure = Failure(code=code, message="There is no model folder at /home/ann/sdxl.")
    job = replace(a_job(), state=JobState.FAILED, failure=failure)
    out = generation_of(JobView(job=job), [], "http://impasto.example")
    assert out.error is not None
    assert out.error.code == code
    assert "/home" not in out.error.message


def test_any_other_failure_is_told_in_its_own_words() -> None:
    failure = Failure(code="out_of_memory", message="The device ran out of memory.")
    job = replace(a_job(), state=JobState.FAILED, failure=failure)
    out = generation_of(JobView(job=job), [], "http://impasto.example")
    assert out.error is not None
    assert out.error.message == failure.message


def test_a_translation_is_shown_beside_what_was_typed() -> None:
    told = Translation(language="es", by="a book", positive=(WeightedPart.plain("un zorro"),))
    job = a_job(spec=a_spec("a fox", language="es", translation=told))
    out = generation_of(JobView(job=job), [], "http://impasto.example").translation
    assert out is not None
    assert (out.language, out.original, out.text) == ("es", "un zorro", "a fox")
    assert out.failure is None


def test_what_could_not_be_translated_is_told() -> None:
    told = Translation(language="es", by="a book", failure="slow")
    job = a_job(spec=a_spec("un zorro", language="es", translation=told))
    out = generation_of(JobView(job=job), [], "http://impasto.example")
    assert out.translation is not None
    assert (out.translation.text, out.translation.failure) == ("un zorro", "slow")
    assert "Spanish" in out.notes[0]
