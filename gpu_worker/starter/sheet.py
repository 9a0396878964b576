"""Draws contact sheets: loss lies, pictures do not."""

import textwrap
from collections.abc import Collection, Sequence
from pathlib import Path

import numpy
import torch
from diffusers import DiffusionPipeline, StableDiffusionXLPipeline
from PIL import Image, ImageDraw

from gpu_worker.starter.student import NATIVE_SIDE, SEQUENCE

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
_LINE, _LETTER = 12, 6  # pixels of the built-in font
_BATCH = 16
_QUALITIES = range(85, 20, -5)


def draw_pictures(
    pipeline: DiffusionPipeline,
    prompts: Sequence[str],
    *,
    steps: int,
    guidance: float,
    seed: int,
    side: int = NATIVE_SIDE,
    negative_prompt: str | None = None,
) -> list[numpy.ndarray]:
    """Draw one picture a prompt, each from a seed of its own: [side, side, RGB] of 8 bits."""
    pipeline.set_progress_bar_config(disable=True)
    is_sdxl = isinstance(pipeline, StableDiffusionXLPipeline)
    more: dict[str, object] = {} if is_sdxl else {"max_sequence_length": SEQUENCE}
    pictures: list[numpy.ndarray] = []
    for start in range(0, len(prompts), _BATCH):
        some = list(prompts[start : start + _BATCH])
        if negative_prompt is not None:
            more["negative_prompt"] = [negative_prompt] * len(some)
        generators = [
            torch.Generator().manual_seed(seed + start + index) for index in range(len(some))
        ]
        drawn = pipeline(
            prompt=some,
            num_inference_steps=steps,
            guidance_scale=guidance,
            generator=generators,
            height=side,
            width=side,
            output_type="np",
            **more,
        ).images
        pictures.extend((drawn * 255).round().astype(numpy.uint8))
    return pictures


def lay_out(
    pictures: Sequence[numpy.ndarray],
    captions: Sequence[str],
    *,
    columns: int = 8,
    side: int = 128,
    lines: int = 1,
    wrong: Collection[int] = (),
) -> Image.Image:
    """Lay pictures out in rows, each above its caption, which is red for the `wrong` ones."""
    rows = -(-len(pictures) // columns)
    height = side + lines * _LINE + 2
    sheet = Image.new("RGB", (columns * side, rows * height), "white")
    pen = ImageDraw.Draw(sheet)
    for index, (picture, caption) in enumerate(zip(pictures, captions, strict=True)):
        left, top = index % columns * side, index // columns * height
        sheet.paste(Image.fromarray(picture).resize((side, side)), (left, top))
        wrapped = textwrap.wrap(caption, side // _LETTER)[:lines]
        for number, line in enumerate(wrapped):
            colour = "red" if index in wrong else "black"
            pen.text((left + 2, top + side + number * _LINE), line, fill=colour)
    return sheet


def save_small(sheet: Image.Image, path: Path, *, most_bytes: int) -> Path:
    """Write a sheet as WebP, as well as the room allows."""
    for quality in _QUALITIES:
        sheet.save(path, "WEBP", quality=quality, method=6)
        if path.stat().st_size <= most_bytes:
            break
    return path
