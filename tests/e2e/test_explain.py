"""What a dry run says comes true, by the production processes and real starter models."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import Box, Demo, make_box

PROMPT = "a (red:1.3) star::2 a blue background --ar 3:2 --q .5 --n 1 --no fog"


def explain(box: Box, *arguments: str) -> dict[str, Any]:
    done = box.impasto("prompt", "explain", *arguments, "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    said: dict[str, Any] = json.loads(done.stdout)
    return said


def test_a_dry_run_stores_nothing(tmp_path: Path) -> None:
    box = make_box(tmp_path, IMPASTO_FAMILIES="sdxl")
    said = explain(box, PROMPT)
    assert said["jobs"] == 1
    assert said["eta"] is None
    assert not (box.home / "impasto.db").exists()


def test_the_picture_has_the_size_and_the_steps_that_were_foretold(workshop: Demo) -> None:
    box = workshop.box
    [one] = explain(box, PROMPT)["prompts"]
    recipe = box.home / "recipe.json"
    status, drawn = box.imagine(PROMPT, "--out", str(box.home / "a.png"), "--recipe", str(recipe))
    assert status == 0, (drawn, box.logs())
    [image] = drawn["images"]
    assert (image["width"], image["height"]) == (
        one["resolved"]["width"],
        one["resolved"]["height"],
    )
    made = json.loads(recipe.read_text())["recipe"]
    told = [[term["text"] for term in part["terms"]] for part in made["parts"]]
    assert told == [["a", "red", "star"], ["a blue background"]]
    assert [len(count["tokens"]) for count in one["tokens"]] == [2, 2]
    assert one["resolved"]["steps"] == 8


def test_what_a_job_costs_is_what_was_foretold(tmp_path_factory: pytest.TempPathFactory) -> None:
    # Steps that take exactly as long as they are told to, so that only the foretelling is judged.
    box = make_box(
        Path(tmp_path_factory.mktemp("priced")),
        IMPASTO_FAMILIES="sdxl",
        IMPASTO_ENGINE="sleeping",
        IMPASTO_SLEEP_STEPS="20",
        IMPASTO_SLEEP_STEP_S="0.05",
    )
    prompt = "a fox --steps 20"
    # One job of the kind is measured; what comes then is foretold.
    status, first = box.imagine(prompt, "--out", str(box.home / "a.png"))
    assert status == 0, (first, box.logs())
    foretold = explain(box, prompt)
    status, second = box.imagine(prompt, "--out", str(box.home / "b.png"))
    assert status == 0, (second, box.logs())
    timings = second["timings"]
    took_s = timings["encode_s"] + timings["denoise_s"] + timings["decode_s"]
    assert foretold["cost_gpu_s"] == pytest.approx(took_s, rel=0.1)
