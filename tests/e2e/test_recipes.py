"""The very same picture again, by the file that says how it was made: the production processes."""

import json
from pathlib import Path

import pytest
from PIL import Image, ImageChops

from tests.e2e.conftest import Box, Demo, make_box


@pytest.fixture(scope="module")
def box(workshop: Demo) -> Box:
    return workshop.box


@pytest.fixture(scope="module")
def recipe(box: Box) -> Path:
    """Draw two pictures and keep how they were made."""
    file, out = box.home / "recipe.json", box.home / "first.png"
    status, first = box.imagine(
        *("a red fox in the snow", "--ar", "3:2", "--n", "2", "--steps", "6"),
        *("--recipe", str(file), "--out", str(out)),
    )
    assert status == 0, (first, box.logs())
    assert "exact" not in first
    return file


def pixels(box: Box, stem: str, number: int) -> Image.Image:
    with Image.open(box.home / f"{stem}-{number}.png") as picture:
        return picture.convert("RGB")


def test_a_recipe_draws_the_same_pixels_in_another_installation_and_says_so(
    box: Box, recipe: Path, tmp_path: Path
) -> None:
    elsewhere = make_box(tmp_path, IMPASTO_FAMILIES="sdxl")
    out = str(box.home / "second.png")
    file = box.home / "again.json"
    status, second = elsewhere.imagine("--exact", str(recipe), "--recipe", str(file), "--out", out)
    assert status == 0, (second, elsewhere.logs())
    assert second["exact"] == {"reproduced": True, "differs": []}
    first_drawn, second_drawn = (
        json.loads(one.read_text())["recipe"]["pixels_sha256"] for one in (recipe, file)
    )
    assert first_drawn == second_drawn
    for number in (1, 2):
        # Each carries a watermark that names it, so what was delivered differs in a few levels.
        differs = ImageChops.difference(
            *(pixels(box, stem, number) for stem in ("first", "second"))
        )
        assert 0 < max(high for _, high in differs.getextrema()) < 40
    told = box.impasto("imagine", "--exact", str(recipe), "--out", out)
    assert "Reproduced: every pixel is the same." in told.stdout


def test_a_recipe_names_the_model_by_content_and_nobody(box: Box, recipe: Path) -> None:
    document = json.loads(recipe.read_text())
    drawn_by = document["recipe"]["drawn_by"]
    assert len(drawn_by["model_sha256"]) == 64
    assert drawn_by["device"] == "cpu"
    assert drawn_by["libraries"]["torch"]
    assert len(document["recipe"]["pixels_sha256"]) == 2
    assert str(box.home) not in recipe.read_text()
    assert "local:" not in recipe.read_text()


def test_another_model_is_refused_with_a_stable_code(box: Box, recipe: Path) -> None:
    document = json.loads(recipe.read_text())
    document["recipe"]["drawn_by"]["model_sha256"] = "00" * 32
    other = box.home / "other-model.json"
    other.write_text(json.dumps(document))
    status, answer = box.imagine("--exact", str(other))
    assert status == 4
    assert answer["error"]["code"] == "recipe_mismatch"
    assert "model" in answer["error"]["message"]


def test_other_libraries_are_told_and_the_picture_is_drawn(box: Box, recipe: Path) -> None:
    document = json.loads(recipe.read_text())
    document["recipe"]["drawn_by"]["libraries"]["torch"] = "0.1"
    document["recipe"]["drawn_by"]["device"] = "an abacus"
    other = box.home / "other-libraries.json"
    other.write_text(json.dumps(document))
    status, answer = box.imagine("--exact", str(other))
    assert status == 0, (answer, box.logs())
    # Nothing but the claim is different: the pixels are the same.
    assert answer["exact"] == {"reproduced": True, "differs": ["device", "torch"]}


@pytest.mark.parametrize("content", ["", "{}", '{"kind": "a letter"}'])
def test_what_is_no_recipe_ends_with_status_2(box: Box, content: str) -> None:
    file = box.home / "none.json"
    file.write_text(content)
    status, answer = box.imagine("--exact", str(file))
    assert (status, answer["error"]["code"]) == (2, "invalid_parameter")


def test_a_picture_in_a_lora_is_reproduced_and_its_file_says_how_it_was_made(box: Box) -> None:
    file, out = box.home / "styled.json", box.home / "styled.png"
    status, first = box.imagine(
        *("a red star", "--lora", "pixel-art:0.8", "--steps", "4"),
        *("--metadata", "--recipe", str(file), "--out", str(out)),
    )
    assert status == 0, (first, box.logs())
    recipe = json.loads(file.read_text())["recipe"]
    lora = next(one for one in recipe["files"] if one["role"] == "lora")
    assert (lora["name"], lora["scale"], len(lora["sha256"])) == ("pixel-art", 0.8, 64)
    with Image.open(out) as picture:
        said = json.loads(picture.text["impasto_recipe"])
        parameters = picture.text["parameters"]
    assert said == {"index": 0, "seed": first["seed"], "recipe": recipe}
    assert parameters.startswith("a red star")
    assert f"Seed: {first['seed']}" in parameters
    status, second = box.imagine("--exact", str(file), "--out", str(out))
    assert second["exact"] == {"reproduced": True, "differs": []}, (second, box.logs())
