"""DPM-Solver++ (2M): looks one step back, so that few steps do; only the first noise is random."""

from collections.abc import Mapping

from diffusers import DPMSolverMultistepScheduler

from gpu_worker.sampler import ScheduledSampler


class Dpmpp2mSampler(ScheduledSampler):
    """A `Sampler` over diffusers' multistep schedule.

    Karras spends more of its steps where little noise is left.
    """

    def __init__(self, *, scheduler_config: Mapping[str, object], is_karras: bool) -> None:
        super().__init__(
            scheduler=DPMSolverMultistepScheduler.from_config(
                dict(scheduler_config),
                algorithm_type="dpmsolver++",
                solver_order=2,
                use_karras_sigmas=is_karras,
            )
        )
