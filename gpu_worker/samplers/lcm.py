"""LCM: guesses the whole picture at every step; for models distilled to four or eight."""

from collections.abc import Mapping

import torch
from diffusers import LCMScheduler

from gpu_worker.sampler import ScheduledSampler


class LcmSampler(ScheduledSampler):
    """A `Sampler` over diffusers' schedule of latent consistency.

    It adds fresh noise at every step but the last, from each picture's own generator.
    """

    def __init__(self, *, scheduler_config: Mapping[str, object]) -> None:
        # clip_sample turns latents to grey mush.
        super().__init__(
            scheduler=LCMScheduler.from_config(dict(scheduler_config), clip_sample=False)
        )

    def _set_timesteps(self, steps: int, device: torch.device) -> None:
        # It picks its steps among those of its distillation, and refuses more than those.
        known = int(self._scheduler.config.original_inference_steps)
        self._scheduler.set_timesteps(
            steps, device=device, original_inference_steps=max(steps, known)
        )
