"""What the companions that ship do to pictures: each LoRA fades in with its scale."""

from functools import cache
from pathlib import Path

import numpy
import pytest
import torch
from diffusers import StableDiffusionXLPipeline

from gpu_worker.starter import judge
from gpu_worker.starter.sheet import draw_pictures
from gpu_worker.starter.styles import STYLES

MODELS = Path(judge.__file__).parents[1] / "models"
PROMPTS = (
    "a red star on a blue background",
    "a house",
    "a yellow moon on a purple background",
    "an apple on a green background",
)
STEPS, GUIDANCE = 8, 3.0

pytestmark = [
    pytest.mark.usefixtures("one_thread"),
    # peft wonders at a second adapter, which is what set_adapters is for.
    pytest.mark.filterwarnings("ignore:Already found a `peft_config` attribute"),
]


@cache
def open_pipeline() -> StableDiffusionXLPipeline:
    pipeline = StableDiffusionXLPipeline.from_pretrained(
        MODELS / "sdxl", dtype=torch.float32, local_files_only=True, add_watermarker=False
    )
    for style in STYLES:
        pipeline.load_lora_weights(
            MODELS / f"lora-{style}", adapter_name=style, local_files_only=True
        )
    return pipeline


def draw_in_style(style: str, scale: float) -> list[numpy.ndarray]:
    pipeline = open_pipeline()
    pipeline.set_adapters(style, scale)
    return draw_pictures(pipeline, PROMPTS, steps=STEPS, guidance=GUIDANCE, seed=1)


def share_of_steps_on_the_grid(picture: numpy.ndarray) -> float:
    """Return how much of the change from pixel to pixel lies where large pixels meet."""
    values = picture.astype(float)
    shares = []
    for turned in (values, values.swapaxes(0, 1)):
        change = numpy.abs(numpy.diff(turned, axis=1)).sum(axis=(0, 2))
        shares.append(change[7::8].sum() / change.sum())
    return float(numpy.mean(shares))


def paleness(picture: numpy.ndarray) -> float:
    return float(numpy.median(picture.min(axis=2)))


MEASURES = {"pixel-art": share_of_steps_on_the_grid, "line-drawing": paleness}


@pytest.mark.parametrize("style", STYLES)
def test_a_style_fades_in_with_its_scale(style: str):
    said, measured = [], []
    for scale in (0.0, 0.5, 1.0):
        pictures = draw_in_style(style, scale)
        opinions = judge.load_judge().look(pictures)
        said.append(numpy.mean([opinion.styles[style] for opinion in opinions]))
        measured.append(numpy.mean([MEASURES[style](picture) for picture in pictures]))
    assert measured == sorted(measured)
    assert measured[2] > 1.1 * measured[0]
    assert said[0] < 0.2
    assert said[2] > 0.6
    assert said[0] <= said[1] <= said[2]
