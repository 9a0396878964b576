"""Flow Euler: straight steps from noise to picture, for models trained by flow matching."""

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from diffusers import FlowMatchEulerDiscreteScheduler

from backend.contracts import taken_steps
from gpu_worker.sampler import stop_schedule


class FlowEulerSampler:
    """A `Sampler` over diffusers' Euler schedule for flow matching.

    Flux's steps are even and end at the picture; SD3's last one, from hardly any noise, is tiny.
    """

    def __init__(self, *, scheduler_config: Mapping[str, object], is_even: bool) -> None:
        self._scheduler = FlowMatchEulerDiscreteScheduler.from_config(dict(scheduler_config))
        self._is_even = is_even

    def plan(
        self, steps: int, *, device: torch.device, image_tokens: int, strength: float = 1.0
    ) -> torch.Tensor:
        self._scheduler.set_timesteps(
            steps,
            device=device,
            sigmas=list(np.linspace(1.0, 1 / steps, steps)) if self._is_even else None,
            mu=self._shift_for(image_tokens),
        )
        skipped = int(max(steps - min(steps * strength, steps), 0))
        # It finds its sigmas by counting steps, so it must know where the count begins.
        self._scheduler.set_begin_index(skipped)
        timesteps: torch.Tensor = self._scheduler.timesteps[skipped:]
        return timesteps

    def stop_at(self, timesteps: torch.Tensor, stop: int) -> torch.Tensor:
        steps = taken_steps(len(timesteps), stop)
        if steps >= len(timesteps):
            return timesteps
        stop_schedule(self._scheduler, skipped_last=len(timesteps) - steps)
        return timesteps[:steps]

    @property
    def initial_noise_scale(self) -> float:
        return 1.0

    def add_noise(
        self, latents: torch.Tensor, noise: torch.Tensor, timestep: torch.Tensor
    ) -> torch.Tensor:
        timesteps = timestep.repeat(latents.shape[0])
        noisy: torch.Tensor = self._scheduler.scale_noise(latents, timesteps, noise)
        return noisy

    def scale_input(self, latents: torch.Tensor, timestep: torch.Tensor) -> torch.Tensor:
        return latents

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

    def guess(
        self, noise: torch.Tensor, timestep: torch.Tensor, latents: torch.Tensor
    ) -> torch.Tensor:
        share = timestep / float(self._scheduler.config.num_train_timesteps)
        return latents - share.to(latents.dtype) * noise

    def _shift_for(self, image_tokens: int) -> float | None:
        """Return how far the schedule leans to the noise for a picture of that many tokens."""
        config = self._scheduler.config
        if not config.use_dynamic_shifting:
            return None
        slope = (config.max_shift - config.base_shift) / (
            config.max_image_seq_len - config.base_image_seq_len
        )
        return float(config.base_shift + slope * (image_tokens - config.base_image_seq_len))
