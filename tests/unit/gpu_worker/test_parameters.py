"""The lines that other programs read how a picture was made from."""

from dataclasses import replace

from backend.contracts import RecipeFile, RecipePart, RecipeTerm
from gpu_worker.release.parameters import parameters_text
from tests.builders import a_recipe


def test_a_plain_picture_is_two_lines():
    assert parameters_text(a_recipe(), seed=9) == (
        "a fox in the snow\n"
        "Steps: 4, Sampler: Euler a, CFG scale: 5.5, Seed: 9, Size: 48x32, "
        "Model hash: 5e5e5e5e5e, Model: starter, Version: Impasto 0.1.0"
    )


def test_weights_parts_negatives_and_loras_are_written_as_others_write_them():
    recipe = a_recipe(
        parts=(
            RecipePart(terms=(RecipeTerm(text="a"), RecipeTerm(text="red (one)", weight=1.3))),
            RecipePart(terms=(RecipeTerm(text="snow"),), weight=2.0),
        ),
        negative_prompt="text,\nframes",
        files=(
            RecipeFile(role="lora", name="pixel-art", sha256="a" * 64, scale=0.8),
            RecipeFile(role="upscaler", name="x4", sha256="b" * 64),
        ),
    )
    first, second, _ = parameters_text(recipe, seed=7).split("\n")
    assert first == r"a (red \(one\):1.3) BREAK (snow:2) <lora:pixel-art:0.8>"
    assert second == "Negative prompt: text, frames"


def test_a_models_name_cannot_end_its_own_pair():
    drawn_by = replace(a_recipe().drawn_by, model="me/model, Seed: 1")
    last = parameters_text(a_recipe(drawn_by=drawn_by), seed=7).split("\n")[-1]
    assert "Model: me/model  Seed  1, Version" in last
