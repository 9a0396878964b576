"""LCM: guesses the whole picture at every step; for models distilled to four or eight."""

from collections.abc import Mapping, Sequence

import torch
from diffusers import LCMScheduler


class LcmSampler:
    """A `Sampler` over diffusers' schedule of latent consistency.

    It adds fresh noise at every step but the last, from each picture's own generator.
    """

    def __init__(self, *, scheduler_config: Mapping[str, object]) -> None:
        # clip_sample turns latents to grey mush.
        self._scheduler = LCMScheduler.from_config(dict(scheduler_config), clip_sample=False)

    def plan(
        self, steps: int, *, device: torch.device, image_tokens: int, strength: float = 1.0
    ) -> torch.Tensor:
        # It picks its steps among those of its distillation, and refuses more than those.
        known = int(self._scheduler.config.original_inference_steps)
        self._scheduler.set_timesteps(
            steps, device=device, original_inference_steps=max(steps, known)
        )
        skipped = steps - min(int(steps * strength), steps)
        # It finds its sigmas by counting steps, so it must know where the count begins.
        self._scheduler.set_begin_index(skipped)
        timesteps: torch.Tensor = self._scheduler.timesteps[skipped:]
        return timesteps

    @property
    def initial_noise_scale(self) -> float:
        return float(self._scheduler.init_noise_sigma)

    def add_noise(
        self, latents: torch.Tensor, noise: torch.Tensor, timestep: torch.Tensor
    ) -> torch.Tensor:
        timesteps = timestep.repeat(latents.shape[0])
        noisy: torch.Tensor = self._scheduler.add_noise(latents, noise, timesteps)
        return noisy

    def scale_input(self, latents: torch.Tensor, timestep: torch.Tensor) -> torch.Tensor:
        scaled: torch.Tensor = self._scheduler.scale_model_input(latents, timestep)
        return scaled

    def step(
        self,
        noise: torch.Tensor,
        timestep: torch.Tensor,
        latents: torch.Tensor,
        generators: Sequence[torch.Generator],
    ) -> torch.Tensor:
        stepped: torch.Tensor = self._scheduler.step(
            noise, timestep, latents, generator=list(generators), return_dict=False
        )[0]
        return stepped
