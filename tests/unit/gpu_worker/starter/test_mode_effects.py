"""What the modes do to real pictures, drawn by the starter model."""

from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from backend.contracts import ModelFamily, RenderJob, SourceKey, Tier
from backend.domain.rework import VARIATION_STRENGTHS, Variation
from gpu_worker.compose.composer import load_model
from gpu_worker.families import open_family
from gpu_worker.render.drawing import DrawOrder
from gpu_worker.render.pipeline import Renderer
from gpu_worker.samplers import open_sampler
from gpu_worker.starter import judge
from tests.fakes.engines import draw_alone

MODEL = Path(judge.__file__).parents[1] / "models" / "sdxl"
STAR = "a red star on a blue background"

pytestmark = pytest.mark.usefixtures("one_thread")


@cache
def renderer() -> Renderer:
    model = load_model(ModelFamily.SDXL, str(MODEL), device="cpu", dtype="float32")
    family = open_family(ModelFamily.SDXL, model)
    return Renderer(
        family=family,
        open_sampler=partial(
            open_sampler, family=family.name, scheduler_config=family.scheduler_config
        ),
    )


def draw(prompt: str, start: Image.Image | None = None, **fields: Any) -> list[np.ndarray]:
    job = RenderJob.model_validate(
        {
            "job_id": "gen_1",
            "attempt": 1,
            "family": ModelFamily.SDXL,
            "tier": Tier.FAST,
            "prompt": prompt,
            "seed": 7,
            "image_count": 1,
            "steps": 10,
            **fields,
        }
    )
    pictures = draw_alone(renderer(), DrawOrder(job=job, source=start)).pictures
    return [np.asarray(picture, np.int16) for picture in pictures]


def test_subtle_variations_stay_closer_to_their_picture_than_strong_ones() -> None:
    (star,) = draw(STAR)
    start = Image.fromarray(star.astype(np.uint8))

    def distance(variation: Variation) -> float:
        key = SourceKey(key="images/a.png", strength=VARIATION_STRENGTHS[variation])
        drawn = draw("a penguin", start, source=key, image_count=2, seed=99)
        return float(np.abs(np.asarray(drawn) - star).mean())

    assert 1.3 * distance(Variation.SUBTLE) < distance(Variation.STRONG)


def test_the_edges_of_a_tile_meet_as_its_middle_does_and_those_of_a_picture_do_not() -> None:
    (tile,) = draw("a penguin", seed=3, is_tiled=True)
    (plain,) = draw("a penguin", seed=3)

    def seam(picture: np.ndarray) -> float:
        """Return how much more changes across the edges than between neighbours inside."""
        across = np.abs(picture[:, 0] - picture[:, -1]).mean()
        down = np.abs(picture[0] - picture[-1]).mean()
        return float(max(across, down) / np.abs(np.diff(picture, axis=1)).mean())

    assert seam(tile) < 2
    assert tile.std() > 10
    assert np.abs(tile - plain).mean() > 5
