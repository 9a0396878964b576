"""Draws contact sheets: loss lies, pictures do not."""

from collections.abc import Sequence

import numpy
import torch
from diffusers import StableDiffusionXLPipeline
from PIL import Image, ImageDraw

from gpu_worker.starter.sdxl import in_turn

PROMPTS: tuple[str, ...] = (
    "a red star on a blue background",
    "a green triangle on a yellow background",
    "a purple heart on a white background",
    "a yellow moon on a black background",
    "an orange circle on a teal background",
    "a blue square on a pink background",
    "a pink diamond on a gray background",
    "a red cross",
    *("an apple", "a cat", "a dog", "a house", "a car", "a rocket", "a tree", "a robot"),
    *("a banana", "a pizza", "a penguin", "a frog", "a flower", "a mushroom", "a ghost", "a fish"),
    "a blue cat on a yellow background",
    "a green apple on a pink background",
    "a purple car on a green background",
    "a yellow balloon on a blue background",
    "a snowman on a red background",
    "a panda on a purple background",
    "a hamburger on a teal background",
    "a cactus on a black background",
)
_CAPTION_ROWS = 14
_BATCH = 16


def draw_pictures(
    pipeline: StableDiffusionXLPipeline,
    prompts: Sequence[str],
    *,
    steps: int,
    guidance: float,
    seed: int,
    side: int,
) -> list[numpy.ndarray]:
    """Draw one picture a prompt, each from a seed of its own: [side, side, RGB] of 8 bits."""
    pictures: list[numpy.ndarray] = []
    for some in in_turn(prompts, _BATCH):
        first = seed + len(pictures)
        generators = [torch.Generator().manual_seed(first + index) for index in range(len(some))]
        drawn = pipeline(
            prompt=list(some),
            num_inference_steps=steps,
            guidance_scale=guidance,
            generator=generators,
            height=side,
            width=side,
            output_type="np",
        ).images
        pictures.extend((drawn * 255).round().astype(numpy.uint8))
    return pictures


def lay_out(
    pictures: Sequence[numpy.ndarray], captions: Sequence[str], *, columns: int = 8, side: int = 128
) -> Image.Image:
    """Lay pictures out in rows, each above its caption."""
    rows = -(-len(pictures) // columns)
    sheet = Image.new("RGB", (columns * side, rows * (side + _CAPTION_ROWS)), "white")
    pen = ImageDraw.Draw(sheet)
    for index, (picture, caption) in enumerate(zip(pictures, captions, strict=True)):
        left, top = index % columns * side, index // columns * (side + _CAPTION_ROWS)
        sheet.paste(Image.fromarray(picture).resize((side, side)), (left, top))
        pen.text((left + 2, top + side + 1), caption[: side // 6], fill="black")
    return sheet
