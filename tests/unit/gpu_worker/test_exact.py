"""The very same pictures again: what refuses, what is told, and that pixels agree."""

from dataclasses import replace
from typing import Any

import numpy
import pytest

from backend.contracts import (
    FAMILY_SAMPLERS,
    ModelFamily,
    Recipe,
    RecipeFile,
    RecipePicture,
    RenderJob,
    Sampler,
)
from gpu_worker.engine.loop import Engine
from gpu_worker.families import open_family
from gpu_worker.family import Family, LoadedModel
from gpu_worker.render.drawing import Drawing, DrawOrder
from gpu_worker.render.exact import compare, must_be_made_of_the_same
from gpu_worker.render.pixel_digest import hash_pixels
from gpu_worker.state import RecipeMismatch
from tests.builders import a_recipe
from tests.fakes.engines import draw_alone, ignore
from tests.unit.gpu_worker.conftest import a_render_job
from tests.unit.gpu_worker.test_recipe import open_renderer, recipe_of

PAIRS = [(family, sampler) for family in ModelFamily for sampler in FAMILY_SAMPLERS[family]]


def drawn_by(**fields: Any) -> Recipe:
    recipe = a_recipe()
    return replace(recipe, drawn_by=replace(recipe.drawn_by, **fields))


@pytest.mark.parametrize(
    ("ours", "named"),
    [
        (drawn_by(model_sha256="00" * 32), "model"),
        (a_recipe(sampler_sha256="00" * 32), "schedule"),
        (a_recipe(files=(RecipeFile(role="lora", name="ink", sha256="00"),)), "lora ink"),
        (a_recipe(pictures=(RecipePicture(role="source", sha256="00"),)), "source"),
    ],
)
def test_what_cannot_become_the_same_is_refused_by_name(ours: Recipe, named: str):
    with pytest.raises(RecipeMismatch, match=named):
        must_be_made_of_the_same(a_recipe(), ours)


def test_a_lora_of_another_strength_is_another_ingredient():
    ink = RecipeFile(role="lora", name="ink", sha256="00", scale=0.5)
    wanted = a_recipe(files=(ink,))
    must_be_made_of_the_same(wanted, wanted)
    with pytest.raises(RecipeMismatch, match="lora ink"):
        must_be_made_of_the_same(wanted, a_recipe(files=(replace(ink, scale=1.0),)))


def test_a_model_that_nobody_knows_by_content_is_told_and_drawn():
    unknown = drawn_by(model_sha256="")
    must_be_made_of_the_same(a_recipe(), unknown)
    assert compare(a_recipe(), unknown).differs == ("model",)


@pytest.mark.parametrize(
    ("ours", "named"),
    [
        (a_recipe(), ()),
        (drawn_by(device="NVIDIA H200"), ("device",)),
        (drawn_by(dtype="bfloat16", threads=8), ("dtype", "threads")),
        (drawn_by(quantise="fp8"), ("quantise",)),
        (drawn_by(engine="0.2.0"), ("engine",)),
        (
            drawn_by(libraries={**a_recipe().drawn_by.libraries, "torch": "3", "torchao": "1"}),
            ("torch", "torchao"),
        ),
        (a_recipe(prompt="a cat", steps=5), ("prompt", "steps")),
        (a_recipe(is_repeatable=False), ("company",)),
    ],
)
def test_what_else_differs_is_told_and_pixels_decide(ours: Recipe, named: tuple[str, ...]):
    must_be_made_of_the_same(a_recipe(), ours)
    made = compare(a_recipe(), ours)
    assert made.differs == named
    assert made.is_same
    other = replace(ours, pixels_sha256=("00" * 32,) * 4)
    assert not compare(a_recipe(), other).is_same


def test_pictures_without_pixels_are_not_the_same():
    nothing = a_recipe(pixels_sha256=())
    assert not compare(nothing, nothing).is_same


def with_pixels(drawing: Drawing) -> Recipe:
    digests = tuple(hash_pixels(picture) for picture in drawing.pictures)
    return replace(recipe_of(drawing), pixels_sha256=digests)


def again(recipe: Recipe, job: RenderJob) -> DrawOrder:
    """Return the order for the very pictures of a job once more."""
    return DrawOrder(job=job.model_copy(update={"is_exact": True, "recipe": recipe}))


@pytest.mark.parametrize(("family", "sampler"), PAIRS)
def test_a_new_renderer_draws_the_same_pixels_by_the_recipe(
    loaded: dict[ModelFamily, LoadedModel], family: ModelFamily, sampler: Sampler
):
    opened = open_family(family, loaded[family])
    job = a_render_job(family=family, sampler=sampler, image_count=3)
    first = with_pixels(draw_alone(open_renderer(opened), DrawOrder(job=job)))
    second = with_pixels(draw_alone(open_renderer(opened), again(first, job)))
    assert compare(first, second).differs == ()
    assert compare(first, second).is_same


def draw_together(family: Family, orders: list[DrawOrder]) -> list[Drawing]:
    """Draw orders on one engine that has them all from the beginning."""
    renderer = open_renderer(family)
    engine = Engine(open_artist=lambda: renderer)
    drawn = [engine.submit(order, ignore) for order in orders]
    engine.start()
    engine.close()
    return [one.result(timeout=0) for one in drawn]


def test_an_exact_job_is_drawn_alone_among_strangers(sdxl: Family):
    job = a_render_job(image_count=2)
    first = with_pixels(draw_alone(open_renderer(sdxl), DrawOrder(job=job)))
    strangers = [DrawOrder(job=a_render_job(seed=seed)) for seed in (21, 22)]
    orders = [strangers[0], again(first, job), strangers[1]]
    _, second, _ = draw_together(sdxl, orders)
    assert recipe_of(second).is_repeatable
    assert compare(first, with_pixels(second)).is_same


def test_a_picture_drawn_in_company_says_so_when_it_is_drawn_again(sdxl: Family):
    job = a_render_job(image_count=2)
    orders = [DrawOrder(job=a_render_job(seed=seed)) for seed in (21, 22)]
    shared, *_ = draw_together(sdxl, [DrawOrder(job=job), *orders])
    first = with_pixels(shared)
    alone = draw_alone(open_renderer(sdxl), again(first, job))
    assert "company" in compare(first, with_pixels(alone)).differs
    # Company changes a value by one in 255 at most, mostly none.
    for one, other in zip(shared.pictures, alone.pictures, strict=True):
        pair = [numpy.asarray(picture, dtype=numpy.int16) for picture in (one, other)]
        assert numpy.abs(pair[0] - pair[1]).max() <= 1


def test_another_model_is_refused_before_the_first_step(sdxl: Family):
    steps: list[int] = []
    order = again(a_recipe(sampler=Sampler.EULER_A), a_render_job(sampler=Sampler.EULER_A))
    with pytest.raises(RecipeMismatch, match="schedule"):
        draw_alone(open_renderer(sdxl), order, lambda done, _steps: steps.append(done))
    assert steps == []
