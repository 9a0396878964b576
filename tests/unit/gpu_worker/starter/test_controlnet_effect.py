"""What the edge ControlNet that ships does to pictures: they follow the lines they are given."""

from functools import cache
from pathlib import Path

import numpy
import pytest
import torch
from diffusers import ControlNetModel, StableDiffusionXLControlNetPipeline
from PIL import Image, ImageFilter

from gpu_worker.starter import judge
from gpu_worker.starter.edges import find_edges
from gpu_worker.starter.shapes import shape_mask

MODELS = Path(judge.__file__).parents[1] / "models"
SIDE = 128
SMALL = 58  # pixels; without lines a shape is half as large again, and in the middle
CORNERS = {"star": (8, 8), "heart": (62, 8), "arrow": (8, 62), "circle": (60, 60)}

pytestmark = pytest.mark.usefixtures("one_thread")


@cache
def open_pipeline() -> StableDiffusionXLControlNetPipeline:
    controlnet = ControlNetModel.from_pretrained(
        MODELS / "controlnet-edges", dtype=torch.float32, local_files_only=True
    )
    pipeline = StableDiffusionXLControlNetPipeline.from_pretrained(
        MODELS / "sdxl",
        controlnet=controlnet,
        dtype=torch.float32,
        local_files_only=True,
        add_watermarker=False,
    )
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def lines_of(shape: str) -> numpy.ndarray:
    """Return the outline of a small shape in a corner, white on black."""
    picture = Image.new("RGB", (SIDE, SIDE), "white")
    picture.paste("black", CORNERS[shape], shape_mask(shape, SMALL))
    return find_edges(numpy.asarray(picture))


def draw(prompt: str, lines: numpy.ndarray, *, scale: float) -> numpy.ndarray:
    drawn = open_pipeline()(
        prompt,
        image=Image.fromarray(lines).convert("RGB"),
        controlnet_conditioning_scale=scale,
        num_inference_steps=10,
        guidance_scale=3.0,
        width=SIDE,
        height=SIDE,
        generator=torch.Generator().manual_seed(3),
    )
    return numpy.asarray(drawn.images[0])


def agreement(lines: numpy.ndarray, picture: numpy.ndarray) -> float:
    """Return how well two sets of lines meet within two pixels, 0 to 1 (the F measure)."""
    drawn = find_edges(picture)
    if not drawn.any():
        return 0.0
    found, right = (
        float((thin & wide).sum() / thin.sum())
        for thin, wide in ((lines > 0, widened(drawn)), (drawn > 0, widened(lines)))
    )
    return 2 * found * right / max(1e-6, found + right)


def widened(lines: numpy.ndarray) -> numpy.ndarray:
    return numpy.asarray(Image.fromarray(lines).filter(ImageFilter.MaxFilter(5))) > 0


def mean_agreement(scale: float) -> float:
    return float(
        numpy.mean(
            [
                agreement(lines, draw(f"a red {shape} on a white background", lines, scale=scale))
                for shape in CORNERS
                for lines in [lines_of(shape)]
            ]
        )
    )


def test_lines_are_followed_the_more_the_more_they_count():
    ignored, half, obeyed = (mean_agreement(scale) for scale in (0.0, 0.5, 1.0))
    assert ignored <= half <= obeyed
    assert obeyed > ignored + 0.3


def test_lines_alone_say_what_to_draw():
    looked, blind = [], []
    for shape in ("star", "heart"):
        picture = Image.new("RGB", (SIDE, SIDE), "white")
        picture.paste("black", (20, 20), shape_mask(shape, 88))
        lines = find_edges(numpy.asarray(picture))
        for scale, said in ((1.0, looked), (0.0, blind)):
            (opinion,) = judge.load_judge().look([draw("", lines, scale=scale)])
            said.append(opinion.things[shape])
    assert numpy.mean(looked) > 0.5
    assert numpy.mean(looked) > numpy.mean(blind) + 0.3
