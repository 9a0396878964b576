"""What a picture shows is told in its words, for those who cannot see it."""

import pytest

from backend.domain.families import ModelFamily
from backend.prompt.judging import PromptVerdict
from backend.prompt.pipeline import understand
from backend.service.alt_text import CHARACTERS_MAX, alt_text, grid_alt_text
from tests.builders import a_job, a_request, a_result, an_image


def _allows(_text):
    return PromptVerdict(outcome="allow")


@pytest.mark.parametrize(
    ("prompt", "words"),
    [
        ("a (red:1.3) fox --ar 3:2 --seed 4", "a red fox"),
        ("un zorro  rojo --no nieve", "un zorro rojo"),
        ("x" * 2 * CHARACTERS_MAX, "x" * (CHARACTERS_MAX - 1) + "…"),
    ],
)
def test_a_picture_is_described_by_its_words_without_weights_and_parameters(prompt, words):
    request = a_request(prompt)
    spec = understand(request, screen=_allows, default_family=ModelFamily.SDXL).spec
    job = a_job(request=request, spec=spec)
    assert alt_text(job, an_image()) == f"AI-generated picture: {words}"


def test_of_several_it_is_said_which_one_it_is():
    job = a_job(result=a_result(4))
    assert alt_text(job, an_image(2)) == "AI-generated picture (3 of 4): a fox in the snow"
    assert grid_alt_text(job) == "4 AI-generated pictures, two in a row: a fox in the snow"
