"""What a sampler is: a schedule of noise, and the step from one timestep to the next."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

import torch

from backend.contracts import taken_steps

if TYPE_CHECKING:
    from diffusers import SchedulerMixin


class Sampler(Protocol):
    """One job's sampler; it holds state, so every job opens its own.

    Latents are [pictures, channels, height, width]; timesteps are scalars on the latents' device.
    """

    def plan(
        self, steps: int, *, device: torch.device, image_tokens: int, strength: float = 1.0
    ) -> torch.Tensor:
        """Return the timesteps to visit, [visited]; a strength under 1 skips the noisiest.

        Must be called first. Fewer than one step in all visits none; a sampler that looks twice
        at a step visits it twice. Flow schedules spend longer in the noise the more tokens a
        picture has.
        """

    def stop_at(self, timesteps: torch.Tensor, stop: int) -> torch.Tensor:
        """Return a plan's timesteps up to the end of so many hundredths of its steps, [visited].

        The last of them ends at the picture that is foreseen then. To be called before any step.
        """

    @property
    def initial_noise_scale(self) -> float:
        """Return the standard deviation from which a full plan starts."""

    def add_noise(
        self, latents: torch.Tensor, noise: torch.Tensor, timestep: torch.Tensor
    ) -> torch.Tensor:
        """Return clean latents brought to the noise of a timestep."""

    def scale_input(self, latents: torch.Tensor, timestep: torch.Tensor) -> torch.Tensor:
        """Return latents scaled to what the network was trained on."""

    def step(
        self,
        noise: torch.Tensor,
        timestep: torch.Tensor,
        latents: torch.Tensor,
        generators: Sequence[torch.Generator],
    ) -> torch.Tensor:
        """Return the latents of the next timestep; picture i draws from generators[i] alone."""

    def guess(
        self, noise: torch.Tensor, timestep: torch.Tensor, latents: torch.Tensor
    ) -> torch.Tensor:
        """Return the latents of the pictures as the network saw them come, noise taken away."""


class ScheduledSampler:
    """A `Sampler` over one of diffusers' schedules for networks that predict noise or velocity."""

    def __init__(self, *, scheduler: "SchedulerMixin") -> None:
        self._scheduler = scheduler
        self._ends_at: float | None = None

    def plan(
        self, steps: int, *, device: torch.device, image_tokens: int, strength: float = 1.0
    ) -> torch.Tensor:
        self._set_timesteps(steps, device)
        skipped = steps - min(int(steps * strength), steps)
        # Most find their sigmas by counting steps, and must know where the count begins.
        if hasattr(self._scheduler, "set_begin_index"):
            self._scheduler.set_begin_index(skipped)
        timesteps: torch.Tensor = self._scheduler.timesteps[skipped:]
        return timesteps

    def stop_at(self, timesteps: torch.Tensor, stop: int) -> torch.Tensor:
        steps = taken_steps(len(timesteps), stop)
        if steps >= len(timesteps):
            return timesteps
        kept = timesteps[:steps]
        if hasattr(self._scheduler, "sigmas"):
            stop_schedule(self._scheduler, skipped_last=len(timesteps) - steps)
        else:
            self._ends_at = float(kept[-1])
        return kept

    def _set_timesteps(self, steps: int, device: torch.device) -> None:
        self._scheduler.set_timesteps(steps, device=device)

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
        outcome = self._scheduler.step(
            noise, timestep, latents, generator=list(generators), return_dict=False
        )
        # A schedule without sigmas says beside the next latents what it foresees.
        is_end = self._ends_at is not None and float(timestep) == self._ends_at
        stepped: torch.Tensor = outcome[1] if is_end else outcome[0]
        return stepped

    def guess(
        self, noise: torch.Tensor, timestep: torch.Tensor, latents: torch.Tensor
    ) -> torch.Tensor:
        # `take`, where an index would have the host wait for the device.
        shares: torch.Tensor = self._scheduler.alphas_cumprod
        share = shares.to(latents.device).take(timestep.long())
        kept, noisy = share.sqrt().to(latents.dtype), (1 - share).sqrt().to(latents.dtype)
        if self.initial_noise_scale != 1:
            # Some add their noise to the whole picture, others to what is kept of it.
            latents = latents * kept
        match str(self._scheduler.config.prediction_type):
            case "v_prediction":
                return kept * latents - noisy * noise
            case "sample":
                return noise
            case _:
                return (latents - noisy * noise) / kept


def stop_schedule(scheduler: "SchedulerMixin", *, skipped_last: int) -> None:
    """Have a schedule of sigmas end so many timesteps early, at no noise at all."""
    end = len(scheduler.timesteps) - skipped_last
    scheduler.timesteps = scheduler.timesteps[:end]
    scheduler.sigmas = torch.cat([scheduler.sigmas[:end], torch.zeros_like(scheduler.sigmas[:1])])
