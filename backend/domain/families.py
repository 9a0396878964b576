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
    EULER_A = "euler_a"


# A wrong pair computes nonsense without raising, so the pairs are listed.
FAMILY_SAMPLERS: dict[ModelFamily, tuple[Sampler, ...]] = {
    ModelFamily.SDXL: (Sampler.EULER_A, Sampler.DDIM),
    ModelFamily.SD3: (),
    ModelFamily.FLUX: (),
}
