"""Euler: straight steps along the noise's slope; only the first noise is random."""

from collections.abc import Mapping

from diffusers import EulerDiscreteScheduler

from gpu_worker.sampler import ScheduledSampler


class EulerSampler(ScheduledSampler):
    """A `Sampler` over diffusers' Euler schedule."""

    def __init__(self, *, scheduler_config: Mapping[str, object]) -> None:
        super().__init__(scheduler=EulerDiscreteScheduler.from_config(dict(scheduler_config)))
