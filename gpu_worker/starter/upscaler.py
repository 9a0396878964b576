"""Pairs of pictures to train an upscaler on: as the generators draw them, and as they should be."""

import io
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy
import torch
from diffusers import AutoencoderKL
from PIL import Image

from gpu_worker.starter.palette import COLOURS, Colour
from gpu_worker.starter.shapes import shape_mask
from gpu_worker.starter.vocabulary import SHAPES

LOW_SIDE = 128
HELD_OUT_EVERY = 12
_ASSETS = "package/assets/"
_JITTER = 8
_SHAPE_SHARE, _GRADIENT_SHARE, _MOSAIC_SHARE, _RECOLOUR_SHARE = 0.3, 0.06, 0.5, 0.1
_ANY_COLOUR_SHARE, _PLAIN_SHARE = 0.15, 0.25
_MOST_LATENT_NOISE = 0.06


@dataclass(frozen=True, kw_only=True)
class Drawings:
    """Art as it was published, encoded (some 5 kB each, 256 pixels a side, with alpha)."""

    training: tuple[bytes, ...]
    held_out: tuple[bytes, ...]


def read_drawings(archive: Path) -> Drawings:
    """Read the package's pictures; every twelfth motif, in all its skin tones, is held out."""
    found: dict[str, bytes] = {}
    with tarfile.open(archive) as package:
        for member in package:
            file = package.extractfile(member) if member.name.endswith(".webp") else None
            if file is not None and member.name.startswith(_ASSETS):
                found[member.name.removeprefix(_ASSETS)] = file.read()
    motifs = sorted({_motif(name) for name in found})
    held_out = set(motifs[::HELD_OUT_EVERY])
    return Drawings(
        training=tuple(found[name] for name in sorted(found) if _motif(name) not in held_out),
        held_out=tuple(found[name] for name in sorted(found) if _motif(name) in held_out),
    )


def _motif(name: str) -> str:
    """Return a picture's first code point: people and hands come in many tones and pairs."""
    return name.removesuffix(".webp").split("-")[0]


def paint_large(drawings: Sequence[bytes], random: Random, *, scale: int) -> numpy.ndarray:
    """Paint what a generator's picture should look like enlarged: [side, side, RGB] of 8 bits."""
    side = LOW_SIDE * scale
    canvas = _ground(random, side)
    if not drawings or random.random() < _SHAPE_SHARE:
        _lay(canvas, _shape(random, round(side * random.uniform(0.3, 0.95))), random)
    elif scale <= 2 or random.random() >= _MOSAIC_SHARE:
        size = round(side * random.uniform(0.5, 0.98))
        _lay(canvas, _drawing(random.choice(drawings), random, size), random)
    else:
        # The art is too small for a whole picture: four side by side stay as sharp as they are.
        half = side // 2
        for top in (0, half):
            for left in (0, half):
                size = round(half * random.uniform(0.7, 1.0))
                tile = canvas[top : top + half, left : left + half]
                _lay(tile, _drawing(random.choice(drawings), random, size), random)
    return canvas.round().clip(0, 255).astype(numpy.uint8)


def shrink(picture: numpy.ndarray, scale: int) -> numpy.ndarray:
    """Return a picture at the generators' size, each pixel the mean of those it stands for."""
    side = picture.shape[0] // scale
    means = picture.reshape(side, scale, side, scale, 3).mean(axis=(1, 3))
    return numpy.asarray(means.round(), dtype=numpy.uint8)


def _ground(random: Random, side: int) -> numpy.ndarray:
    canvas = numpy.empty((side, side, 3), dtype=numpy.float32)
    canvas[:] = any_colour(random)
    if random.random() < _GRADIENT_SHARE:
        share = numpy.linspace(0, 1, side, dtype=numpy.float32)[:, None, None]
        canvas += (numpy.array(any_colour(random), numpy.float32) - canvas) * share
    return canvas


def any_colour(random: Random) -> Colour:
    """Return a colour, mostly near one that has a name."""
    if random.random() < _ANY_COLOUR_SHARE:
        return (random.randint(0, 255), random.randint(0, 255), random.randint(0, 255))
    red, green, blue = (
        min(255, max(0, value + random.randint(-_JITTER, _JITTER)))
        for value in random.choice(list(COLOURS.values()))
    )
    return (red, green, blue)


def _shape(random: Random, size: int) -> numpy.ndarray:
    alpha = numpy.asarray(shape_mask(random.choice(SHAPES).name, size))
    flat = numpy.broadcast_to(numpy.array(any_colour(random), numpy.uint8), (size, size, 3))
    return numpy.dstack([flat, alpha])


def _drawing(encoded: bytes, random: Random, size: int) -> numpy.ndarray:
    picture = Image.open(io.BytesIO(encoded)).convert("RGBa")
    picture = picture.crop(picture.getchannel("a").getbbox())
    share = size / max(picture.size)
    scaled = picture.resize(
        (max(1, round(picture.width * share)), max(1, round(picture.height * share))),
        Image.Resampling.LANCZOS,
    )
    pixels = numpy.asarray(scaled.convert("RGBA"))
    if random.random() < 0.5:
        pixels = pixels[:, ::-1]
    if random.random() < _RECOLOUR_SHARE:
        pixels = pixels[..., [*random.sample(range(3), 3), 3]]
    return pixels


def _lay(canvas: numpy.ndarray, drawing: numpy.ndarray, random: Random) -> None:
    height, width = drawing.shape[:2]
    top = random.randint(0, canvas.shape[0] - height)
    left = random.randint(0, canvas.shape[1] - width)
    window = canvas[top : top + height, left : left + width]
    window += (drawing[..., :3] - window) * (drawing[..., 3:] / numpy.float32(255))


def to_values(pictures: Sequence[numpy.ndarray]) -> torch.Tensor:
    """Turn pictures of 8 bits into what an upscaler takes: [B, 3, H, W] in 0..1."""
    return torch.from_numpy(numpy.stack(pictures)).permute(0, 3, 1, 2).float() / 255


@torch.no_grad()
def redraw(
    autoencoder: AutoencoderKL, values: torch.Tensor, random: Random, *, noise: float
) -> torch.Tensor:
    """Return pictures as a generator would draw them: soft, a little off, in 8 bits of 0..1."""
    generator = torch.Generator().manual_seed(random.getrandbits(62))
    with torch.autocast(values.device.type, torch.bfloat16):
        latents = autoencoder.encode(values * 2 - 1).latent_dist.mean
        unit = noise / autoencoder.config.scaling_factor
        noises = torch.randn(latents.shape, generator=generator).to(latents)
        decoded: torch.Tensor = autoencoder.decode(latents + unit * noises).sample
    return quantised(decoded.float() / 2 + 0.5)


def soften(values: torch.Tensor, random: Random) -> torch.Tensor:
    """Return pictures slightly blurred and noisy, in 8 bits of 0..1."""
    generator = torch.Generator().manual_seed(random.getrandbits(62))
    side = random.uniform(0, 0.25)
    kernel = torch.tensor([side, 1.0, side]) / (1 + 2 * side)
    weights = torch.outer(kernel, kernel).to(values).expand(3, 1, 3, 3)
    padded = torch.nn.functional.pad(values, (1, 1, 1, 1), mode="replicate")
    blurred = torch.nn.functional.conv2d(padded, weights, groups=3)
    noise = torch.randn(values.shape, generator=generator).to(values) * random.uniform(0, 2.5) / 255
    return quantised(blurred + noise)


def quantised(values: torch.Tensor) -> torch.Tensor:
    """Round to the 256 steps that a picture has."""
    return (values.clamp(0, 1) * 255).round() / 255


def paint_pairs(
    drawings: Sequence[bytes],
    autoencoder: AutoencoderKL,
    random: Random,
    *,
    count: int,
    scale: int,
    device: str = "cpu",
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return [count, 3, 128, 128] as generated, and [count, 3, 128 * scale, …] as it should be."""
    large = [paint_large(drawings, random, scale=scale) for _ in range(count)]
    small = to_values([shrink(picture, scale) for picture in large]).to(device)
    plain = round(count * _PLAIN_SHARE)
    noise = random.uniform(0, _MOST_LATENT_NOISE)
    parts = [redraw(autoencoder, small[plain:], random, noise=noise)]
    if plain:
        parts.insert(0, soften(small[:plain], random))
    return torch.cat(parts), to_values(large).to(device)
