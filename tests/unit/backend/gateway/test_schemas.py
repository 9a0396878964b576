"""Between JSON and the domain."""

import contextlib
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from backend.domain.errors import InvalidAspectRatio
from backend.domain.jobs import Progress
from backend.domain.prompts import AspectRatio
from backend.domain.tiers import Tier
from backend.gateway.presentation import generation_of
from backend.gateway.schemas import GenerationIn, ratio_of
from backend.service.job_view import JobView
from tests.builders import a_job, a_requester


@pytest.mark.parametrize(
    ("text", "ratio"),
    [("3:2", (3, 2)), (" 1:1 ", (1, 1)), ("1024:512", (2, 1)), ("03:01", (3, 1))],
)
def test_a_ratio_is_read_and_reduced(text: str, ratio: tuple[int, int]) -> None:
    assert ratio_of(text) == AspectRatio(width=ratio[0], height=ratio[1])


@given(st.text())
def test_any_text_is_a_ratio_or_refused_as_one(text: str) -> None:
    with contextlib.suppress(InvalidAspectRatio):
        assert isinstance(ratio_of(text), AspectRatio)


def test_queue_is_another_word_for_tier() -> None:
    body = GenerationIn.model_validate_json('{"prompt": "a", "queue": "turbo"}')
    assert body.to_request(a_requester(), None).tier is Tier.TURBO


def test_what_is_left_out_is_left_to_the_model() -> None:
    request = GenerationIn(prompt="a").to_request(a_requester(), "key")
    assert request.idempotency_key == "key"
    assert (request.steps, request.seed, request.image_count, request.tier) == (None,) * 4


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", '"7"', "true"])
def test_guidance_is_a_finite_number(number: str) -> None:
    with pytest.raises(ValidationError):
        GenerationIn.model_validate_json(f'{{"prompt": "a", "guidance": {number}}}')


def test_progress_of_no_steps_is_no_division_by_zero() -> None:
    job = replace(a_job(), progress=Progress(step=0, steps=0))
    out = generation_of(JobView(job=job), [], "http://pictures.test")
    assert out.progress is not None
    assert out.progress.pct == 0
