"""Samplers, one a file."""

from collections.abc import Mapping
from typing import assert_never

from backend.contracts import FAMILY_SAMPLERS, ModelFamily
from backend.contracts import Sampler as SamplerName
from gpu_worker.sampler import Sampler
from gpu_worker.state import BadRequest


def open_sampler(
    name: SamplerName, *, family: ModelFamily, scheduler_config: Mapping[str, object]
) -> Sampler:
    """Open a fresh sampler for one job, from the model's pristine scheduler config.

    Raises:
        BadRequest: the family cannot be drawn with it (it would compute nonsense without raising).

    """
    if name not in FAMILY_SAMPLERS[family]:
        known = ", ".join(FAMILY_SAMPLERS[family])
        raise BadRequest(f"{family} cannot be drawn with {name}; it can with: {known}.")
    match name:
        case SamplerName.DDIM:
            from gpu_worker.samplers.ddim import DdimSampler

            return DdimSampler(scheduler_config=scheduler_config)
        case SamplerName.EULER:
            from gpu_worker.samplers.euler import EulerSampler

            return EulerSampler(scheduler_config=scheduler_config)
        case SamplerName.EULER_A:
            from gpu_worker.samplers.euler_a import EulerASampler

            return EulerASampler(scheduler_config=scheduler_config)
        case SamplerName.DPMPP_2M | SamplerName.DPMPP_2M_KARRAS:
            from gpu_worker.samplers.dpmpp_2m import Dpmpp2mSampler

            is_karras = name is SamplerName.DPMPP_2M_KARRAS
            return Dpmpp2mSampler(scheduler_config=scheduler_config, is_karras=is_karras)
        case SamplerName.LCM:
            from gpu_worker.samplers.lcm import LcmSampler

            return LcmSampler(scheduler_config=scheduler_config)
        case SamplerName.FLOW_EULER:
            from gpu_worker.samplers.flow_euler import FlowEulerSampler

            is_even = family is ModelFamily.FLUX
            return FlowEulerSampler(scheduler_config=scheduler_config, is_even=is_even)
        case SamplerName.FLOW_HEUN:
            from gpu_worker.samplers.flow_heun import FlowHeunSampler

            return FlowHeunSampler(scheduler_config=scheduler_config)
        case _:
            assert_never(name)
