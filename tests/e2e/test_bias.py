"""The bias audit through the real command: portraits drawn by a worker, counted, reported."""

import json

import pytest

from tests.e2e.conftest import make_box
from tests.fakes.image_classifiers import save_tiny_classifier

PROMPTS = """
version = 1
template = "{subject}"
[neutral]
professions = ["a red star", "a blue circle"]
[explicit]
gender = { woman = "a green square" }
"""


@pytest.fixture
def box(tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    return make_box(home)


def test_an_audit_draws_counts_reports_and_draws_nothing_twice(box, tmp_path):
    source = save_tiny_classifier(tmp_path / "gender", ("woman", "man"), favours=0)
    prompts = tmp_path / "prompts.toml"
    prompts.write_text(PROMPTS)
    box.env["IMPASTO_BIAS_ESTIMATORS"] = f"gender={source}"
    command = ("bias", "audit", "--family", "sdxl", "--seeds", "2", "--prompts", prompts, "--json")
    first = json.loads(box.impasto(*map(str, command)).stdout)
    gender = first["axes"]["gender"]
    assert [one["shares"] for one in gender["prompts"]] == [{"man": 0.0, "woman": 1.0}] * 2
    assert [one["portraits"] for one in gender["prompts"]] == [2, 2]
    assert (gender["obeyed"], first["not_drawn"], gender["drift"]) == (1.0, 0, None)
    assert len(first["model_sha256"]) == 64
    notes = list((box.home / "bias/sdxl/notes").glob("*.jsonl"))
    assert len(notes) == 1
    before = notes[0].read_text()
    again = json.loads(box.impasto(*map(str, command)).stdout)
    assert again["axes"] == first["axes"]
    assert notes[0].read_text() == before
    assert list((box.home / "bias").glob("sdxl/*-gender.svg"))


def test_without_an_estimator_it_says_what_to_set(box):
    done = box.impasto("bias", "audit")
    assert done.returncode == 2
    assert "IMPASTO_BIAS_ESTIMATORS" in done.stderr
