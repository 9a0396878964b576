"""More weight on a picture leads closer to it: --iw, --sw and --cw over the starter model `sdxl`.

It ships without an adapter, so one is fitted here. Close is the root mean square of what differs in
the pixels of the two pictures, both made small.
"""

from pathlib import Path

import numpy as np
import pytest

from backend.contracts import ImagePromptUse, ModelFamily
from backend.service.named_pictures import character_scale, style_scale
from gpu_worker.compose.composer import load_model
from gpu_worker.families import open_family
from gpu_worker.render.drawing import DrawOrder
from gpu_worker.render.pipeline import Renderer
from gpu_worker.starter import judge
from tests.fakes.fitted_adapter import a_scene, fit_image_prompts
from tests.unit.gpu_worker.conftest import a_render_job, open_renderer

MODEL = Path(judge.__file__).parents[1] / "models" / "sdxl"
PROMPT, REFERENCE = "a red star on a blue background", a_scene("green", "circle", "yellow")

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture(scope="module")
def renderer(tmp_path_factory: pytest.TempPathFactory) -> Renderer:
    folder = fit_image_prompts(MODEL, tmp_path_factory.mktemp("fitted") / "sdxl")
    model = load_model(ModelFamily.SDXL, str(folder), device="cpu", dtype="float32")
    return open_renderer(open_family(ModelFamily.SDXL, model))


def away(renderer: Renderer, *, scale: float, is_style: bool = False) -> float:
    """Return how far a picture lies from the reference that it is shown."""
    use = ImagePromptUse(key="images/reference.png", scale=scale, is_style=is_style)
    job = a_render_job(prompt=PROMPT, steps=5, seed=1, image_count=1, image_prompts=(use,))
    run = renderer.begin(DrawOrder(job=job, image_prompts=(REFERENCE,)))
    while run.done < run.steps:
        renderer.step([run])
    while (drawing := renderer.finish(run)) is None:
        pass
    drawn, shown = (
        np.asarray(one.resize((32, 32)), float) for one in (drawing.pictures[0], REFERENCE)
    )
    return float(np.sqrt(((drawn - shown) ** 2).mean()))


def test_more_image_weight_leads_closer_to_the_picture(renderer: Renderer) -> None:
    distances = [away(renderer, scale=scale) for scale in (0.0, 0.8, 1.2)]
    assert distances == sorted(distances, reverse=True)
    assert distances[-1] < 0.8 * distances[0]


def test_more_style_weight_leads_closer_to_the_reference(renderer: Renderer) -> None:
    distances = [
        away(renderer, scale=style_scale(weight), is_style=True) for weight in (0, 50, 100, 300)
    ]
    assert distances == sorted(distances, reverse=True)
    assert distances[-1] < 0.5 * distances[0]


def test_more_character_weight_leads_closer_to_the_reference(renderer: Renderer) -> None:
    distances = [away(renderer, scale=character_scale(weight)) for weight in (0, 50, 100)]
    assert distances == sorted(distances, reverse=True)
    assert distances[-1] < 0.8 * distances[0]
