"""What a job's pictures would be, taken down on the way without changing where they end."""

from collections.abc import Mapping
from functools import partial

import numpy
import pytest
import torch

from backend.contracts import FAMILY_SAMPLERS, ModelFamily, RenderJob, Sampler
from gpu_worker.families import open_family
from gpu_worker.family import Family, LoadedModel
from gpu_worker.render.drawing import DrawOrder
from gpu_worker.render.painting import Painting
from gpu_worker.render.pipeline import Renderer
from gpu_worker.render.preview import LONGEST_SIDE, draw_small, fit_colours
from gpu_worker.render.sketch import Guess, Sketcher, Sketching
from gpu_worker.samplers import open_sampler
from tests.fakes.engines import draw_alone
from tests.unit.gpu_worker.conftest import a_render_job

PAIRS = [(family, sampler) for family in ModelFamily for sampler in FAMILY_SAMPLERS[family]]


class Collector:
    """Gets guesses; its clock stands still unless told otherwise."""

    def __init__(self, *, share: float = 0.2, every_s: float = 0.0) -> None:
        self.now_s = 0.0
        self.got: list[Guess] = []
        self.sketching = Sketching(
            share=share, every_s=every_s, hand_over=self.take, clock=lambda: self.now_s
        )

    def take(self, _job: RenderJob, guess: Guess) -> None:
        self.got.append(guess)

    def steps_of(self, steps: int, *, step_s: float = 0.0) -> list[int]:
        """Return after which of so many steps a guess is taken."""
        self.now_s = 0.0
        sketcher = Sketcher(job=a_render_job(), sketching=self.sketching)
        for step in range(1, steps + 1):
            self.now_s += step_s
            if sketcher.is_due(step, steps):
                sketcher.take(torch.zeros(1, 4, 2, 2), step, steps)
        return [guess.step for guess in self.got]


def open_renderer(family: Family, collector: Collector | None) -> Renderer:
    return Renderer(
        family=family,
        open_sampler=partial(
            open_sampler, family=family.name, scheduler_config=family.scheduler_config
        ),
        sketching=None if collector is None else collector.sketching,
    )


@pytest.mark.parametrize(
    ("steps", "share", "taken"),
    [
        (30, 0.2, [6, 12, 18, 24]),
        (28, 0.2, [6, 12, 18, 24]),
        (4, 0.2, [1, 2, 3]),
        (20, 0.5, [10]),
        (1, 0.2, []),
        (30, 1.0, []),
    ],
)
def test_a_guess_is_taken_after_each_share_of_the_steps_but_not_at_the_end(
    steps: int, share: float, taken: list[int]
):
    assert Collector(share=share).steps_of(steps) == taken


@pytest.mark.parametrize(
    ("step_s", "taken"), [(0.01, []), (0.25, [8, 16, 24]), (0.5, [6, 12, 18, 24])]
)
def test_guesses_are_some_seconds_apart_and_a_quick_job_has_none(step_s: float, taken: list[int]):
    assert Collector(every_s=2.0).steps_of(30, step_s=step_s) == taken


@pytest.mark.parametrize(("family", "sampler"), PAIRS)
def test_at_the_last_step_the_guess_is_where_the_sampler_ends(
    loaded: Mapping[ModelFamily, LoadedModel],
    family: ModelFamily,
    sampler: Sampler,
    monkeypatch: pytest.MonkeyPatch,
):
    guesses: list[tuple[torch.Tensor, torch.Tensor]] = []
    advance = Painting.advance

    def note(painting: Painting, noise: torch.Tensor) -> None:
        guided = painting.guidance.combine(noise)
        guess = painting.sampler.guess(guided, painting.timestep, painting.latents)
        advance(painting, noise)
        guesses.append((guess, painting.latents))

    monkeypatch.setattr(Painting, "advance", note)
    opened = open_family(family, loaded[family])
    order = DrawOrder(job=a_render_job(family=family, sampler=sampler, steps=8))
    draw_alone(open_renderer(opened, None), order)
    guess, end = guesses[-1]
    # Some schedules end with a little noise left.
    assert (guess - end).norm() < 0.1 * end.norm()
    # At the first step it is far from what the sampler goes on with, which is mostly noise.
    guess, begun = guesses[0]
    assert (guess - begun).norm() > 0.2 * begun.norm()


@pytest.mark.parametrize("family", list(ModelFamily))
def test_sketching_changes_nothing_of_the_pictures(
    loaded: Mapping[ModelFamily, LoadedModel], family: ModelFamily
):
    opened = open_family(family, loaded[family])
    order = DrawOrder(job=a_render_job(family=family, steps=6, image_count=2))
    collector = Collector()
    plain, sketched = (draw_alone(open_renderer(opened, one), order) for one in (None, collector))
    assert [one.tobytes() for one in plain.pictures] == [one.tobytes() for one in sketched.pictures]
    assert [(guess.step, guess.steps) for guess in collector.got] == [(2, 6), (4, 6)]
    for guess in collector.got:
        assert guess.latents.shape[:2] == (2, opened.latent_channels)
        assert (guess.latents.device.type, guess.latents.dtype) == ("cpu", torch.float32)


def test_a_guess_handed_over_stays_as_it_was(sdxl: Family):
    collector, copies = Collector(), list[torch.Tensor]()
    take = collector.take
    collector.sketching = Sketching(
        share=0.2,
        every_s=0.0,
        hand_over=lambda job, guess: (take(job, guess), copies.append(guess.latents.clone())),
        clock=lambda: 0.0,
    )
    draw_alone(open_renderer(sdxl, collector), DrawOrder(job=a_render_job(steps=6)))
    assert copies
    for guess, copy in zip(collector.got, copies, strict=True):
        assert torch.equal(guess.latents, copy)


@pytest.mark.parametrize("family", list(ModelFamily))
@pytest.mark.parametrize(("height", "width"), [(8, 8), (8, 12), (300, 200)])
def test_a_preview_of_any_family_and_size_is_small(
    loaded: Mapping[ModelFamily, LoadedModel], family: ModelFamily, height: int, width: int
):
    opened = open_family(family, loaded[family])
    with torch.inference_mode():
        decoder = fit_colours(opened)
    latents = torch.randn(2, opened.latent_channels, height, width)
    pictures = draw_small(decoder, latents)
    assert len(pictures) == 2
    for picture in pictures:
        assert max(picture.size) <= LONGEST_SIDE
        assert picture.width / picture.height == pytest.approx(width / height, rel=0.02)
        assert numpy.asarray(picture).shape[2] == 3
