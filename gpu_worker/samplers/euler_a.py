"""Euler ancestral: adds fresh noise at every step, from each picture's own generator."""

from collections.abc import Mapping

from diffusers import EulerAncestralDiscreteScheduler

from gpu_worker.sampler import ScheduledSampler


class EulerASampler(ScheduledSampler):
    """A `Sampler` over diffusers' ancestral Euler schedule."""

    def __init__(self, *, scheduler_config: Mapping[str, object]) -> None:
        super().__init__(
            scheduler=EulerAncestralDiscreteScheduler.from_config(dict(scheduler_config))
        )
