"""What a job will cost."""

import json
from math import isfinite
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.domain.families import ModelFamily
from backend.domain.prompts import AspectRatio, Effort, LoraRef, Mode
from backend.scheduling.costs import KINDS_MAX, PIXELS_USUAL, CostModel, JobKind
from tests.builders import a_spec

kinds = st.builds(
    JobKind,
    family=st.sampled_from(ModelFamily),
    pixels=st.sampled_from((512 * 512, 768 * 768, 1024 * 1024, 1024 * 1536)),
    steps=st.integers(1, 150),
    images=st.integers(1, 8),
    adapters=st.integers(0, 3),
    pictures=st.integers(0, 4),
    controls=st.integers(0, 3),
)
seconds = st.floats(-10, 10_000, allow_nan=False)
SDXL = JobKind(family=ModelFamily.SDXL)


@given(kind=kinds, measured=st.lists(st.tuples(kinds, seconds), max_size=40))
def test_a_prediction_is_always_a_time(kind, measured) -> None:
    model = CostModel()
    for other, gpu_s in measured:
        model.learn(other, gpu_s)
    assert isfinite(model.predict_s(kind))
    assert model.predict_s(kind) > 0


@given(kind=kinds)
def test_more_pictures_steps_or_adapters_never_cost_less_at_first(kind: JobKind) -> None:
    model = CostModel()
    for more in (
        JobKind(**_fields(kind) | {"images": kind.images + 1}),
        JobKind(**_fields(kind) | {"steps": kind.steps + 1}),
        JobKind(**_fields(kind) | {"adapters": kind.adapters + 1}),
        JobKind(**_fields(kind) | {"pixels": kind.pixels * 2}),
        JobKind(**_fields(kind) | {"pictures": kind.pictures + 1}),
        JobKind(**_fields(kind) | {"controls": kind.controls + 1}),
    ):
        assert model.predict_s(more) > model.predict_s(kind)


@given(kind=kinds, true_s=st.floats(0.01, 1000), seed=st.integers(0, 1000))
def test_after_a_handful_of_measurements_a_prediction_is_right(kind, true_s, seed) -> None:
    model, random = CostModel(), Random(seed)  # noqa: S311 - noise, not a secret
    for _ in range(9):
        model.learn(kind, true_s * random.uniform(0.95, 1.05))
    assert model.predict_s(kind) == pytest.approx(true_s, rel=0.06)


@given(kind=kinds, true_s=st.floats(0.1, 10), hung_s=st.floats(100, 3000))
def test_a_hung_job_moves_nothing(kind, true_s, hung_s) -> None:
    model = CostModel()
    for _ in range(7):
        model.learn(kind, true_s)
    for _ in range(3):
        model.learn(kind, hung_s)
    assert model.predict_s(kind) == pytest.approx(true_s, rel=0.01)


def test_a_new_driver_is_believed_after_eight_jobs() -> None:
    model = CostModel()
    for _ in range(100):
        model.learn(SDXL, 2.0)
    for _ in range(8):
        model.learn(SDXL, 1.0)
    assert model.predict_s(SDXL) == pytest.approx(1.0)


@given(factor=st.floats(0.02, 50))
def test_what_is_learned_of_one_kind_scales_its_whole_family_and_no_other(factor: float) -> None:
    fresh, model = CostModel(), CostModel()
    big = JobKind(family=ModelFamily.SDXL, images=4, steps=50)
    other = JobKind(family=ModelFamily.FLUX)
    for _ in range(5):
        model.learn(SDXL, fresh.predict_s(SDXL) * factor)
    assert model.predict_s(big) == pytest.approx(fresh.predict_s(big) * factor)
    assert model.predict_s(other) == fresh.predict_s(other)


@given(measured=st.lists(st.tuples(kinds, seconds), max_size=40), kind=kinds)
def test_what_was_learned_survives_being_stored(measured, kind) -> None:
    model = CostModel()
    for other, gpu_s in measured:
        model.learn(other, gpu_s)
    restored = CostModel(document=json.loads(json.dumps(model.as_json())))
    assert restored.predict_s(kind) == model.predict_s(kind)
    assert restored.spread(kind.family) == model.spread(kind.family)


def test_the_spread_is_that_of_measured_over_predicted() -> None:
    model, random = CostModel(), Random(0)  # noqa: S311 - noise, not a secret
    for _ in range(200):
        model.learn(SDXL, 2.0 * random.lognormvariate(0, 0.1))
    spread = model.spread(ModelFamily.SDXL)
    assert list(spread) == sorted(spread)
    assert 0.75 < spread[0] < 0.95 < spread[2] < 1.05 < spread[4] < 1.3


def test_kinds_nobody_asks_for_any_more_are_forgotten() -> None:
    model = CostModel()
    for steps in range(1, KINDS_MAX + 100):
        model.learn(JobKind(family=ModelFamily.SDXL, steps=steps), 1.0)
    assert len(model.as_json()["kinds"]) == KINDS_MAX


def test_pictures_are_taken_to_be_as_large_as_the_last_of_their_ratio() -> None:
    model = CostModel()
    square, wide = a_spec(), a_spec(aspect_ratio=AspectRatio(width=3, height=1))
    assert model.kind_of(square).pixels == PIXELS_USUAL
    model.learn_job(square, gpu_s=1.0, pixels=512 * 512)
    model.learn_job(wide, gpu_s=0.5, pixels=768 * 256)
    restored = CostModel(document=json.loads(json.dumps(model.as_json())))
    assert restored.kind_of(square).pixels == 512 * 512
    assert restored.kind_of(wide).pixels == 768 * 256
    assert restored.kind_of(a_spec(family=ModelFamily.FLUX)).pixels == PIXELS_USUAL
    tall = restored.kind_of(a_spec(aspect_ratio=AspectRatio(width=1, height=3)))
    assert tall.pixels == 768 * 256


def test_jobs_of_larger_pictures_are_learned_apart() -> None:
    model = CostModel()
    square, wide = a_spec(), a_spec(aspect_ratio=AspectRatio(width=3, height=1))
    for _ in range(9):
        model.learn_job(square, gpu_s=4.0, pixels=1024 * 1024)
        model.learn_job(wide, gpu_s=1.0, pixels=512 * 170)
    assert model.predict_s(model.kind_of(square)) == pytest.approx(4.0)
    assert model.predict_s(model.kind_of(wide)) == pytest.approx(1.0)


def test_ratios_nobody_asks_for_any_more_are_forgotten() -> None:
    model = CostModel()
    for width in range(1000, 1000 + KINDS_MAX + 100):
        spec = a_spec(aspect_ratio=AspectRatio(width=width, height=997))
        model.learn_job(spec, gpu_s=1.0, pixels=width * 997)
    assert len(model.as_json()["sizes"]) == KINDS_MAX
    assert model.kind_of(spec).pixels == width * 997


def _fields(kind: JobKind) -> dict:
    return {name: getattr(kind, name) for name in kind.__slots__}


@given(one=kinds, other=kinds)
def test_no_two_kinds_are_stored_under_one_name(one: JobKind, other: JobKind) -> None:
    assert (one.key == other.key) == (one == other)


def test_kinds_without_pictures_have_the_names_they_always_had() -> None:
    assert SDXL.key == f"sdxl/{PIXELS_USUAL}/30/1/0"
    assert JobKind(family=ModelFamily.SDXL, mode=Mode.INPAINT).key.endswith("/0/inpaint")


def test_what_steers_is_told_from_what_is_worn() -> None:
    effort = Effort(pictures=2, controls=("edges",))
    kind = CostModel().kind_of(a_spec(effort=effort, loras=(LoraRef(name="ink"),)))
    assert (kind.adapters, kind.pictures, kind.controls) == (1, 2, 1)
