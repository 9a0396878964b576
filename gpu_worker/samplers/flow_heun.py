"""Flow Heun: looks at every step twice and takes the mean slope, for flow matching."""

import math
from collections.abc import Mapping, Sequence

import torch
from diffusers import FlowMatchEulerDiscreteScheduler, FlowMatchHeunDiscreteScheduler

from backend.contracts import taken_steps
from gpu_worker.sampler import stop_schedule


class FlowHeunSampler:
    """A `Sampler` over diffusers' Heun schedule for flow matching; n steps take 2n - 1 looks."""

    def __init__(self, *, scheduler_config: Mapping[str, object]) -> None:
        # Heun's own config knows nothing of shifting by size, so Euler's is read for it.
        self._config = FlowMatchEulerDiscreteScheduler.from_config(dict(scheduler_config)).config
        self._scheduler = self._open(float(self._config.shift))

    def plan(
        self, steps: int, *, device: torch.device, image_tokens: int, strength: float = 1.0
    ) -> torch.Tensor:
        self._scheduler = self._open(self._shift_for(image_tokens))
        self._scheduler.set_timesteps(steps, device=device)
        skipped = 2 * int(max(steps - min(steps * strength, steps), 0))
        # It finds its sigmas by counting looks, so it must know where the count begins.
        self._scheduler.set_begin_index(skipped)
        timesteps: torch.Tensor = self._scheduler.timesteps[skipped:]
        return timesteps

    def stop_at(self, timesteps: torch.Tensor, stop: int) -> torch.Tensor:
        looks = 2 * taken_steps((len(timesteps) + 1) // 2, stop) - 1
        if looks >= len(timesteps):
            return timesteps
        stop_schedule(self._scheduler, skipped_last=len(timesteps) - looks)
        return timesteps[:looks]

    @property
    def initial_noise_scale(self) -> float:
        return 1.0

    def add_noise(
        self, latents: torch.Tensor, noise: torch.Tensor, timestep: torch.Tensor
    ) -> torch.Tensor:
        noisy: torch.Tensor = self._scheduler.scale_noise(latents, timestep, noise)
        return noisy.to(latents.dtype)

    def scale_input(self, latents: torch.Tensor, timestep: torch.Tensor) -> torch.Tensor:
        return latents

    def step(
        self,
        noise: torch.Tensor,
        timestep: torch.Tensor,
        latents: torch.Tensor,
        generators: Sequence[torch.Generator],
    ) -> torch.Tensor:
        stepped: torch.Tensor = self._scheduler.step(noise, timestep, latents, return_dict=False)[0]
        return stepped

    def guess(
        self, noise: torch.Tensor, timestep: torch.Tensor, latents: torch.Tensor
    ) -> torch.Tensor:
        share = timestep / float(self._config.num_train_timesteps)
        return latents - share.to(latents.dtype) * noise

    def _open(self, shift: float) -> FlowMatchHeunDiscreteScheduler:
        return FlowMatchHeunDiscreteScheduler(
            num_train_timesteps=self._config.num_train_timesteps, shift=shift
        )

    def _shift_for(self, image_tokens: int) -> float:
        """Return how far the schedule leans to the noise for a picture of that many tokens."""
        config = self._config
        if not config.use_dynamic_shifting:
            return float(config.shift)
        slope = (config.max_shift - config.base_shift) / (
            config.max_image_seq_len - config.base_image_seq_len
        )
        shift = config.base_shift + slope * (image_tokens - config.base_image_seq_len)
        return math.exp(shift) if config.time_shift_type == "exponential" else float(shift)
