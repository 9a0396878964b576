"""The loop: from noise to latents, one visible step after another."""

from collections.abc import Sequence

import torch

from gpu_worker.family import Conditioning, Family
from gpu_worker.render.drawing import OnStep
from gpu_worker.render.guidance import Guidance
from gpu_worker.sampler import Sampler


def denoise(
    *,
    family: Family,
    sampler: Sampler,
    guidance: Guidance,
    conditioning: Conditioning,
    latents: torch.Tensor,
    timesteps: torch.Tensor,
    generators: Sequence[torch.Generator],
    on_step: OnStep,
) -> torch.Tensor:
    """Return the clean latents [pictures, channels, height, width].

    `on_step` may raise to stop here; nothing but this call's own tensors is left behind.
    """
    for done, timestep in enumerate(timesteps, start=1):
        seen = sampler.scale_input(guidance.widen(latents), timestep)
        noise = guidance.combine(family.predict_noise(seen, timestep, conditioning))
        latents = sampler.step(noise, timestep, latents, generators)
        on_step(done, len(timesteps))
    return latents
