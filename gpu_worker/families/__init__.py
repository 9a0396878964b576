"""Model families, one a file; they copy small code rather than lean on each other."""

from typing import assert_never

from backend.contracts import ModelFamily
from gpu_worker.family import Family, LoadedModel


def open_family(name: ModelFamily, model: LoadedModel) -> Family:
    """Open the drawing code of a family over its loaded model."""
    match name:
        case ModelFamily.SDXL:
            from gpu_worker.families.sdxl import SdxlFamily

            return SdxlFamily(model=model)
        case ModelFamily.SD3:
            from gpu_worker.families.sd3 import Sd3Family

            return Sd3Family(model=model)
        case ModelFamily.FLUX:
            from gpu_worker.families.flux import FluxFamily

            return FluxFamily(model=model)
        case _:
            assert_never(name)
