"""From latents to pictures."""

import torch
from PIL import Image

from gpu_worker.family import Family


def decode(family: Family, latents: torch.Tensor) -> tuple[Image.Image, ...]:
    """Return one RGB picture for each row of latents [pictures, channels, height, width]."""
    return to_pictures(family.decode(latents))


def to_pictures(decoded: torch.Tensor) -> tuple[Image.Image, ...]:
    """Return RGB pictures of what a decoder gave, [pictures, 3, height, width], about -1..1."""
    values = (decoded / 2 + 0.5).clamp(0, 1)
    pixels = (values.permute(0, 2, 3, 1) * 255).round().to(torch.uint8).numpy()
    return tuple(Image.fromarray(one) for one in pixels)
