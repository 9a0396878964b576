"""DDIM: the deterministic sampler; only the first noise is random."""

from collections.abc import Mapping

from diffusers import DDIMScheduler

from gpu_worker.sampler import ScheduledSampler


class DdimSampler(ScheduledSampler):
    """A `Sampler` over diffusers' DDIM schedule with its usual eta of 0."""

    def __init__(self, *, scheduler_config: Mapping[str, object]) -> None:
        # clip_sample defaults to True and turns latents to grey mush; SDXL's config turns it off.
        super().__init__(
            scheduler=DDIMScheduler.from_config(
                dict(scheduler_config), clip_sample=False, set_alpha_to_one=False
            )
        )
