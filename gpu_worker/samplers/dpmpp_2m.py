"""DPM-Solver++ (2M): looks one step back, so that few steps do; only the first noise is random."""

from collections.abc import Mapping, Sequence

import torch
from diffusers import DPMSolverMultistepScheduler


class Dpmpp2mSampler:
    """A `Sampler` over diffusers' multistep schedule.

    Karras spends more of its steps where little noise is left.
    """

    def __init__(self, *, scheduler_config: Mapping[str, object], is_karras: bool) -> None:
        self._scheduler = DPMSolverMultistepScheduler.from_config(
            dict(scheduler_config),
            algorithm_type="dpmsolver++",
            solver_order=2,
            use_karras_sigmas=is_karras,
        )

    def plan(
        self, steps: int, *, device: torch.device, image_tokens: int, strength: float = 1.0
    ) -> torch.Tensor:
        self._scheduler.set_timesteps(steps, device=device)
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
