"""What of a picture stays as it was while the rest is drawn: brought to each step's noise."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image
from torch.nn import functional

from gpu_worker.family import Family
from gpu_worker.sampler import Sampler


@dataclass(frozen=True, kw_only=True)
class KeptArea:
    """The latents of the picture, the noise it is brought to, and where it does not stay."""

    latents: torch.Tensor  # [pictures, channels, height, width]
    noise: torch.Tensor  # [pictures, channels, height, width]
    mask: torch.Tensor  # [1, 1, height, width]: 1 where something new is drawn

    def restore(
        self, drawn: torch.Tensor, sampler: Sampler, timestep: torch.Tensor | None
    ) -> torch.Tensor:
        """Return what was drawn with the kept area put back, at a timestep's noise or at none."""
        kept = self.latents
        if timestep is not None:
            kept = sampler.add_noise(kept, self.noise, timestep.reshape(1))
        return (1 - self.mask) * kept + self.mask * drawn


def mask_latents(family: Family, mask: Image.Image, *, width: int, height: int) -> torch.Tensor:
    """Return a mask [1, 1, height, width] in latents; sides are given in pixels.

    A latent is drawn anew where its first pixel is, as the stock pipelines have it.
    """
    resized = mask.resize((width, height), Image.Resampling.LANCZOS).convert("L")
    values = torch.from_numpy(np.asarray(resized, np.float32) / 255).round()
    side = family.pixels_per_latent
    shrunk = functional.interpolate(values[None, None], size=(height // side, width // side))
    return shrunk.to(family.device, family.dtype)


def begin_around(
    family: Family,
    sampler: Sampler,
    generators: Sequence[torch.Generator],
    *,
    latents: torch.Tensor,
    noise: torch.Tensor,
    timesteps: torch.Tensor,
    strength: float,
) -> torch.Tensor:
    """Return what a picture begins with that is drawn around a kept area."""
    # The stock pipelines encode the masked picture too, for networks with channels to see it. Ours
    # has none; but the same seed must go on to the same noise.
    for generator in generators:
        torch.randn(latents[:1].shape, generator=generator, dtype=family.dtype)
    if strength >= 1:
        return noise * sampler.initial_noise_scale
    return sampler.add_noise(latents, noise, timesteps[:1]) if len(timesteps) else latents
