"""Where pictures begin: each from its own seed, out of nothing or out of pixels."""

from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image

from gpu_worker.family import Family
from gpu_worker.sampler import Sampler


def open_generators(seeds: Sequence[int]) -> list[torch.Generator]:
    """Return one generator a picture, each with its own seed.

    On the host whatever the device, so that the same seed draws the same picture on any of them.
    """
    return [torch.Generator("cpu").manual_seed(seed) for seed in seeds]


def draw_noise(
    family: Family, generators: Sequence[torch.Generator], *, width: int, height: int
) -> torch.Tensor:
    """Return noise [pictures, channels, height, width] in latents, row i from generator i."""
    shape = (
        1,
        family.latent_channels,
        height // family.pixels_per_latent,
        width // family.pixels_per_latent,
    )
    rows = [torch.randn(shape, generator=one, dtype=family.dtype) for one in generators]
    return torch.cat(rows).to(family.device)


def begin_from_nothing(
    family: Family,
    sampler: Sampler,
    generators: Sequence[torch.Generator],
    *,
    width: int,
    height: int,
) -> torch.Tensor:
    """Return pure noise at the sampler's first scale."""
    noise = draw_noise(family, generators, width=width, height=height)
    return noise * sampler.initial_noise_scale


def to_pixels(picture: Image.Image, *, width: int, height: int) -> torch.Tensor:
    """Resize a picture to [1, 3, height, width] in -1..1."""
    resized = picture.convert("RGB").resize((width, height), Image.Resampling.LANCZOS)
    values = torch.from_numpy(np.asarray(resized, dtype=np.float32) / 255.0)
    return values.permute(2, 0, 1).unsqueeze(0) * 2.0 - 1.0
