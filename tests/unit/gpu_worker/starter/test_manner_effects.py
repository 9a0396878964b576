"""More chaos sets a job's pictures further apart; more weirdness and style lead further away."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backend.contracts import MannerUse, ModelFamily
from backend.domain.prompts import WeightedPart
from backend.prompt.house import shipped_house
from backend.service.told_words import parts_of
from gpu_worker.compose.composer import load_model
from gpu_worker.families import open_family
from gpu_worker.render.drawing import DrawOrder
from gpu_worker.render.pipeline import Renderer
from gpu_worker.samplers import open_sampler
from gpu_worker.starter import judge
from tests.unit.gpu_worker.conftest import a_render_job

MODELS = Path(judge.__file__).parents[1] / "models"
PROMPT = "a red star on a blue background"
STEPS = 5
Pictures = list[np.ndarray[Any, Any]]

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module", params=list(ModelFamily))
def renderer(request: pytest.FixtureRequest) -> Renderer:
    name: ModelFamily = request.param
    model = load_model(name, str(MODELS / name), device="cpu", dtype="float32")
    family = open_family(name, model)
    return Renderer(
        family=family,
        open_sampler=partial(open_sampler, family=name, scheduler_config=family.scheduler_config),
    )


def draw(renderer: Renderer, **fields: Any) -> Pictures:
    job = a_render_job(**{"prompt": PROMPT, "steps": STEPS, "seed": 1, **fields})
    run = renderer.begin(DrawOrder(job=job))
    while run.done < run.steps:
        renderer.step([run])
    while (drawing := renderer.finish(run)) is None:
        pass
    return [np.asarray(picture.resize((32, 32)), dtype=float) for picture in drawing.pictures]


def distance(one: np.ndarray[Any, Any], other: np.ndarray[Any, Any]) -> float:
    return float(np.sqrt(((one - other) ** 2).mean()))


def spread(pictures: Pictures) -> float:
    """Return how far pictures lie from each other on average."""
    pairs = [(a, b) for i, a in enumerate(pictures) for b in pictures[i + 1 :]]
    return float(np.mean([distance(a, b) for a, b in pairs]))


def test_more_chaos_sets_the_four_further_apart(renderer: Renderer) -> None:
    spreads = [
        spread(draw(renderer, image_count=4, manner=MannerUse(chaos=chaos)))
        for chaos in (0, 50, 100)
    ]
    assert spreads[0] < spreads[1] < spreads[2]
    assert spreads[2] > 1.5 * spreads[0]


def test_more_weirdness_leads_further_from_what_the_words_mean(renderer: Renderer) -> None:
    [usual] = draw(renderer, image_count=1)
    away = [
        distance(usual, draw(renderer, image_count=1, manner=MannerUse(weird=weird))[0])
        for weird in (250, 1000, 3000)
    ]
    assert 0 < away[0] < away[1] < away[2]


def test_more_stylize_leads_further_towards_the_workshops_taste(renderer: Renderer) -> None:
    [usual] = draw(renderer, image_count=1)
    words = WeightedPart.plain(PROMPT)
    away = [
        distance(
            usual,
            draw(
                renderer,
                image_count=1,
                parts=[one.model_dump() for one in parts_of((words, *shipped_house().taste(s)))],
            )[0],
        )
        for s in (100, 400, 1000)
    ]
    assert 0 < away[0] < away[1] < away[2]
