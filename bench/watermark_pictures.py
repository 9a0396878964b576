"""The pictures of `watermark.py`: drawn by the starter model, photographs of packages, synthetic.

Photographs come out of wheels that are only downloaded, never installed: `pip download --no-deps
scikit-image scikit-learn gradio imgaug` into a folder; nothing of them is kept in the repository.
"""

import io
import os
import zipfile
from pathlib import Path
from random import Random

import numpy
from PIL import Image, ImageDraw, ImageFilter

MODELS = Path(__file__).parents[1] / "gpu_worker" / "starter" / "models"
KINDS = ("starter", "photograph", "synthetic")
PHOTOGRAPHS = {
    *("astronaut.png", "brick.png", "camera.png", "cell.png", "chelsea.png", "clock_motion.png"),
    *("coffee.png", "coins.png", "color.png", "grass.png", "gravel.png", "hubble_deep_field.jpg"),
    *("ihc.png", "moon.png", "motorcycle_left.png", "motorcycle_right.png", "retina.jpg"),
    *("rocket.jpg", "china.jpg", "flower.jpg", "cheetah.jpg", "groot.jpeg", "tower.jpg"),
    "quokka.jpg",
}
SIZES = ((512, 512), (640, 512), (768, 768), (1024, 1024), (512, 768), (896, 640))


def draw_starter(cache: Path, count: int, *, threads: int = 1) -> list[Path]:
    """Draw with the starter model as a worker would show it: 128 px, enlarged four times."""
    folder = cache / "starter"
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{number:04}.png" for number in range(count)]
    missing = [path for path in paths if not path.exists()]
    if missing:
        _draw(missing, threads)
    return paths


def open_starter():
    """Open the starter model as one pipeline, quiet and on the processor."""
    os.environ |= {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_VERBOSITY": "error"}
    import torch
    from diffusers import StableDiffusionXLPipeline

    pipeline = StableDiffusionXLPipeline.from_pretrained(MODELS / "sdxl", torch_dtype=torch.float32)
    pipeline.set_progress_bar_config(disable=True)
    return pipeline


def starter_prompt(random: Random) -> str:
    """Return words for a scene that the starter model knows."""
    from gpu_worker.starter.captions import write_caption
    from gpu_worker.starter.scenes import draw_scene
    from gpu_worker.starter.vocabulary import WHOLE_LESSON

    return write_caption(draw_scene(random, lesson=WHOLE_LESSON), random)


def _draw(paths: list[Path], threads: int) -> None:
    import torch

    from gpu_worker.render.upscale import open_upscaler

    torch.set_num_threads(threads)
    pipeline = open_starter()
    upscaler = open_upscaler(
        MODELS / "upscaler" / "x4.safetensors", scale=4, device=torch.device("cpu")
    )
    for path in paths:
        picture = sample(pipeline, f"watermark {path.stem}", int(path.stem))[0]
        upscaler.enlarge([picture])[0].save(path)


def sample(pipeline, name: str, seed: int, *, output_type: str = "pil"):
    """Draw the scene of a name with the starter model, 128 px; return what the pipeline made."""
    import torch

    return pipeline(
        starter_prompt(Random(name)),  # noqa: S311 repeatable on purpose
        width=128,
        height=128,
        num_inference_steps=10,
        guidance_scale=3.0,
        generator=torch.Generator().manual_seed(seed),
        output_type=output_type,
    ).images


def find_photographs(wheels: Path) -> list[tuple[str, Image.Image]]:
    """Return the photographs in a folder of wheels, by name."""
    found = []
    for wheel in sorted(wheels.glob("*.whl")):
        with zipfile.ZipFile(wheel) as archive:
            for name in sorted(archive.namelist()):
                if name.rpartition("/")[2] in PHOTOGRAPHS and "test_data" not in name:
                    picture = Image.open(io.BytesIO(archive.read(name))).convert("RGB")
                    found.append((name.rpartition("/")[2], picture))
    return found


def photograph(photographs, number: int) -> tuple[str, Image.Image]:
    """Return a part of a photograph, scaled to a size at which pictures are drawn."""
    name, whole = photographs[number % len(photographs)]
    random = Random(f"photograph {number}")  # noqa: S311 repeatable on purpose
    width, height = SIZES[number // len(photographs) % len(SIZES)]
    fit = max(width / whole.width, height / whole.height)
    share = 1.0 if fit > 1 else random.uniform(fit, 1.0)  # enlarged no more than needed
    wide, high = width / fit * share, height / fit * share
    left, top = random.uniform(0, whole.width - wide), random.uniform(0, whole.height - high)
    box = (left, top, left + wide, top + high)
    return f"{name} #{number}", whole.resize((width, height), Image.Resampling.LANCZOS, box=box)


def synthetic(number: int, *, size: tuple[int, int] | None = None) -> tuple[str, Image.Image]:
    """Return a plain, shaded, clouded, patterned, lettered or noisy picture."""
    random = numpy.random.default_rng(number)
    makers = (_plain, _shaded, _clouds, _discs, _stripes, _page)
    maker = makers[number % len(makers)]
    width, height = size or SIZES[number // len(makers) % len(SIZES)]
    return f"{maker.__name__[1:]} #{number}", maker(random, width, height)


def _plain(random, width, height):
    picture = Image.new("RGB", (width, height), tuple(int(v) for v in random.integers(0, 256, 3)))
    middle = (width // 2, height // 2, width // 2 + width // 5, height // 2 + height // 5)
    colour = tuple(int(v) for v in random.integers(0, 256, 3))
    ImageDraw.Draw(picture).rectangle(middle, fill=colour)
    return picture


def _shaded(random, width, height):
    ends = random.integers(0, 256, (2, 3)).astype(float)
    angle = random.uniform(0, 2 * numpy.pi)
    down, across = numpy.mgrid[:height, :width]
    way = numpy.cos(angle) * across / width + numpy.sin(angle) * down / height
    way = (way - way.min()) / (way.max() - way.min())
    shades = ends[0] + way[..., None] * (ends[1] - ends[0])
    return Image.fromarray(shades.round().astype(numpy.uint8))


def _clouds(random, width, height):
    total = numpy.zeros((height, width, 3))
    for octave in range(2, 9):
        side = 2**octave
        grain = Image.fromarray(random.integers(0, 256, (side, side, 3), dtype=numpy.uint8))
        grown = grain.resize((width, height), Image.Resampling.BICUBIC)
        total += (numpy.asarray(grown, dtype=float) - 128) * 2.0 ** (1.2 - octave)
    total *= 50 / total.std()
    return Image.fromarray(numpy.clip(total + 128, 0, 255).astype(numpy.uint8))


def _discs(random, width, height):
    picture = _shaded(random, width, height)
    draw = ImageDraw.Draw(picture)
    for _ in range(40):
        x, y, r = random.uniform(0, width), random.uniform(0, height), random.uniform(5, 120)
        draw.ellipse(
            (x - r, y - r, x + r, y + r), fill=tuple(int(v) for v in random.integers(0, 256, 3))
        )
    return picture.filter(ImageFilter.GaussianBlur(0.7))


def _stripes(random, width, height):
    down, across = numpy.mgrid[:height, :width]
    period, angle = random.uniform(12, 90), random.uniform(0, numpy.pi)
    wave = numpy.sin(2 * numpy.pi / period * (numpy.cos(angle) * across + numpy.sin(angle) * down))
    ends = random.integers(0, 256, (2, 3)).astype(float)
    mixed = ends[0] + ((wave + 1) / 2)[..., None] * (ends[1] - ends[0])
    return Image.fromarray(mixed.round().astype(numpy.uint8))


def _page(random, width, height):
    picture = Image.new("RGB", (width, height), (250, 249, 245))
    draw = ImageDraw.Draw(picture)
    letters = "abcdefghijklmnopqrstuvwxyz      "
    for line in range(20, height - 20, 16):
        words = "".join(letters[int(v)] for v in random.integers(0, len(letters), width // 8))
        draw.text((20, line), words, fill=(30, 30, 35))
    return picture
