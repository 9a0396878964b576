"""Seeds, cancelling, running out of memory, and what is refused."""

import itertools
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from backend.contracts import FAMILY_SAMPLERS, ModelFamily, Sampler, SourceKey
from gpu_worker.families import open_family
from gpu_worker.family import Family, LoadedModel
from gpu_worker.render.drawing import Drawing, DrawOrder, OnStep
from gpu_worker.render.pipeline import Renderer
from gpu_worker.samplers import open_sampler
from gpu_worker.state import BadRequest, Cancelled, OutOfMemory
from tests.fakes.engines import draw_alone, ignore
from tests.unit.gpu_worker.conftest import a_render_job, open_renderer

PAIRS = [(family, sampler) for family in ModelFamily for sampler in FAMILY_SAMPLERS[family]]


def draw(renderer: Renderer, on_step: OnStep = ignore, **fields: Any) -> Drawing:
    return draw_alone(renderer, DrawOrder(job=a_render_job(**fields)), on_step)


def pixels(picture: Image.Image) -> np.ndarray[Any, Any]:
    return np.asarray(picture, dtype=np.int16)


@pytest.mark.parametrize(("family", "sampler"), PAIRS)
def test_the_same_seed_draws_the_same_bytes_twice(
    loaded: Mapping[ModelFamily, LoadedModel], family: ModelFamily, sampler: Sampler
):
    renderer = open_renderer(open_family(family, loaded[family]))
    first, second = (draw(renderer, sampler=sampler).pictures[0] for _ in range(2))
    assert first.tobytes() == second.tobytes()


def test_another_seed_draws_another_picture(renderer: Renderer):
    assert draw(renderer).pictures[0].tobytes() != draw(renderer, seed=8).pictures[0].tobytes()


@pytest.mark.parametrize("strength", [None, 0.5])
@pytest.mark.parametrize(("family", "sampler"), PAIRS)
def test_picture_i_is_the_picture_of_seed_plus_i(
    loaded: Mapping[ModelFamily, LoadedModel],
    family: ModelFamily,
    sampler: Sampler,
    strength: float | None,
):
    renderer = open_renderer(open_family(family, loaded[family]))
    begin = None if strength is None else Image.new("RGB", (64, 64), (200, 30, 90))
    source = None if strength is None else SourceKey(key="images/a.png", strength=strength)

    def pictures_of(**fields: Any) -> tuple[Image.Image, ...]:
        job = a_render_job(sampler=sampler, source=source, **fields)
        return draw_alone(renderer, DrawOrder(job=job, source=begin)).pictures

    together = pictures_of(image_count=3)
    alone = [pictures_of(seed=7 + i)[0] for i in range(3)]
    for one, other in zip(together, alone, strict=True):
        assert np.abs(pixels(one) - pixels(other)).max() <= 1
    assert len({one.tobytes() for one in together}) == 3


def test_every_step_is_told_and_the_count_begins_at_nought(renderer: Renderer):
    told: list[tuple[int, int]] = []
    draw(renderer, lambda done, steps: told.append((done, steps)))
    assert told == [(0, 4), (1, 4), (2, 4), (3, 4), (4, 4)]


def test_cancelling_stops_at_that_step_and_leaves_nothing_behind(renderer: Renderer):
    before = draw(renderer).pictures[0].tobytes()
    told: list[int] = []

    def cancel_after_two(done: int, steps: int) -> None:
        told.append(done)
        if done == 2:
            raise Cancelled

    with pytest.raises(Cancelled):
        draw(renderer, cancel_after_two, seed=99)
    assert told == [0, 1, 2]
    assert draw(renderer).pictures[0].tobytes() == before


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB."),
        MemoryError(),
        RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory"),
    ],
)
def test_running_out_of_memory_is_typed_and_the_next_job_is_drawn(
    renderer: Renderer, sdxl: Family, monkeypatch: pytest.MonkeyPatch, error: Exception
):
    before = draw(renderer).pictures[0].tobytes()

    looks = itertools.count()

    def run_out(*inputs: object) -> torch.Tensor:
        if next(looks) in (2, 3):
            raise error
        return predict(*inputs)

    predict = sdxl.predict_noise
    monkeypatch.setattr(sdxl, "predict_noise", run_out)
    with pytest.raises(OutOfMemory) as caught:
        draw(renderer)
    monkeypatch.undo()
    assert caught.value.code == "out_of_memory"
    assert caught.value.is_retryable
    assert str(caught.value) == "1 pictures of 64x64 did not fit into memory."
    # A chained error would keep the tensors alive by its frames.
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None
    assert draw(renderer).pictures[0].tobytes() == before


def test_other_errors_pass_unchanged(renderer: Renderer):
    def break_down(done: int, steps: int) -> None:
        raise RuntimeError("something else")

    with pytest.raises(RuntimeError, match="something else"):
        draw(renderer, break_down)


@pytest.mark.parametrize(
    "fields",
    [
        {"image_count": 0},
        {"image_count": 17},
        {"steps": 0},
        {"steps": 501},
        {"aspect_width": 0},
        {"aspect_height": -3},
        {"seed": -1},
        {"seed": 2**63},
        {"guidance": -1.0},
        {"guidance": float("nan")},
    ],
)
def test_what_cannot_be_drawn_is_a_bad_request(renderer: Renderer, fields: dict[str, Any]):
    with pytest.raises(BadRequest) as caught:
        draw(renderer, **fields)
    assert caught.value.code == "bad_request"
    assert not caught.value.is_retryable


@pytest.mark.parametrize(
    ("family", "sampler"),
    [
        (ModelFamily.SDXL, Sampler.FLOW_EULER),
        (ModelFamily.SD3, Sampler.DDIM),
        (ModelFamily.FLUX, Sampler.EULER_A),
    ],
)
def test_a_sampler_the_family_does_not_know_is_a_bad_request(
    sdxl: Family, family: ModelFamily, sampler: Sampler
):
    with pytest.raises(BadRequest, match=f"{family} cannot be drawn with {sampler}"):
        open_sampler(sampler, family=family, scheduler_config=sdxl.scheduler_config)


def test_lcm_takes_more_steps_than_it_was_distilled_to(renderer: Renderer):
    told: list[tuple[int, int]] = []
    draw(renderer, lambda done, steps: told.append((done, steps)), sampler="lcm", steps=60)
    assert told[-1] == (60, 60)


@pytest.mark.parametrize("family", [ModelFamily.SD3, ModelFamily.FLUX])
def test_heun_tells_each_of_its_two_looks_at_a_step(
    loaded: Mapping[ModelFamily, LoadedModel], family: ModelFamily
):
    told: list[int] = []
    renderer = open_renderer(open_family(family, loaded[family]))
    draw(renderer, lambda done, steps: told.append(steps), sampler="flow_heun", steps=4)
    assert told == [7] * 8


@pytest.mark.parametrize("family", list(ModelFamily))
@pytest.mark.parametrize("change", [{"prompt": "a whale"}, {"guidance": 8.0}])
def test_words_and_guidance_change_the_picture_in_every_family(
    loaded: Mapping[ModelFamily, LoadedModel],
    latents: list[torch.Tensor],
    family: ModelFamily,
    change: dict[str, Any],
):
    renderer = open_renderer(open_family(family, loaded[family]))
    draw(renderer)
    draw(renderer, **change)
    assert (latents[0] - latents[1]).abs().max() > 1e-3


@pytest.mark.parametrize("family", list(ModelFamily))
def test_a_source_under_no_noise_comes_back_in_every_family(
    loaded: Mapping[ModelFamily, LoadedModel], latents: list[torch.Tensor], family: ModelFamily
):
    opened = open_family(family, loaded[family])
    job = a_render_job(source=SourceKey(key="images/a.png", strength=0.0))
    order = DrawOrder(job=job, source=Image.new("RGB", (64, 64), (200, 30, 90)))
    drawing = draw_alone(open_renderer(opened), order)
    assert drawing.pictures[0].size == (64, 64)
    assert latents[0].shape == (1, opened.latent_channels, 8, 8)


@pytest.mark.parametrize("ratio", [(3, 1), (1, 3), (40, 1)])
@pytest.mark.parametrize("family", list(ModelFamily))
def test_any_ratio_is_drawn_in_every_family(
    loaded: Mapping[ModelFamily, LoadedModel], family: ModelFamily, ratio: tuple[int, int]
):
    renderer = open_renderer(open_family(family, loaded[family]))
    picture = draw(renderer, aspect_width=ratio[0], aspect_height=ratio[1]).pictures[0]
    assert (picture.width > picture.height) == (ratio[0] > ratio[1])


def test_a_job_without_choices_takes_the_models_own(renderer: Renderer):
    told: list[tuple[int, int]] = []
    draw(renderer, lambda done, steps: told.append((done, steps)), steps=None)
    assert told[-1] == (8, 8)


def test_strength_nought_takes_no_step_and_copies_the_source(renderer: Renderer):
    source = Image.new("RGB", (64, 64), (200, 30, 90))
    told: list[tuple[int, int]] = []
    job = a_render_job(source=SourceKey(key="images/source.png", strength=0.0))
    order = DrawOrder(job=job, source=source)
    drawing = draw_alone(renderer, order, lambda done, steps: told.append((done, steps)))
    assert told == [(0, 0)]
    # Not noise: the same source under another seed comes back nearly the same.
    other = draw_alone(renderer, replace(order, job=job.model_copy(update={"seed": 8})))
    difference = np.abs(pixels(drawing.pictures[0]) - pixels(other.pictures[0]))
    assert difference.mean() < 64


def test_a_source_of_another_size_and_mode_is_fitted(renderer: Renderer):
    source = Image.new("RGBA", (200, 31), (10, 20, 30, 128))
    job = a_render_job(source=SourceKey(key="images/source.png", strength=0.5), aspect_width=2)
    drawing = draw_alone(renderer, DrawOrder(job=job, source=source))
    assert drawing.pictures[0].size == (96, 48)


def test_stages_are_timed(renderer: Renderer):
    drawing = draw(renderer)
    assert drawing.encode_s > 0
    assert drawing.denoise_s > 0
    assert drawing.decode_s > 0


def test_an_emptied_prompt_is_drawn_like_any_other(renderer: Renderer):
    assert draw(renderer, prompt="").pictures[0].size == (64, 64)


def test_prompts_of_any_script_are_told_apart(renderer: Renderer):
    drawings = [draw(renderer, prompt=words) for words in ("лиса", "狐狸", "🦊")]
    assert len({one.pictures[0].tobytes() for one in drawings}) == 3
