"""Model families and the samplers each of them can be drawn with."""

from enum import StrEnum


class ModelFamily(StrEnum):
    """A checkpoint architecture; one worker process serves exactly one."""

    SDXL = "sdxl"
    SD3 = "sd3"
    FLUX = "flux"


class Sampler(StrEnum):
    """A denoising schedule, named as the field names it."""

    DDIM = "ddim"
    EULER = "euler"
    EULER_A = "euler_a"
    DPMPP_2M = "dpmpp_2m"
    DPMPP_2M_KARRAS = "dpmpp_2m_karras"
    LCM = "lcm"
    FLOW_EULER = "flow_euler"
    FLOW_HEUN = "flow_heun"


_FLOW = (Sampler.FLOW_EULER, Sampler.FLOW_HEUN)

# A wrong pair computes nonsense without raising, so the pairs are listed.
FAMILY_SAMPLERS: dict[ModelFamily, tuple[Sampler, ...]] = {
    ModelFamily.SDXL: (
        Sampler.EULER_A,
        Sampler.EULER,
        Sampler.DPMPP_2M,
        Sampler.DPMPP_2M_KARRAS,
        Sampler.DDIM,
        Sampler.LCM,
    ),
    ModelFamily.SD3: _FLOW,
    ModelFamily.FLUX: _FLOW,
}

# A transformer is told where each token stands, so edges cannot meet in what it draws.
TILING_FAMILIES = (ModelFamily.SDXL,)
IMAGE_PROMPT_FAMILIES = (ModelFamily.SDXL,)
