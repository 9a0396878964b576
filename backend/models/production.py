"""Released models worth installing for production, and the licences they are given under."""

from dataclasses import dataclass
from typing import Final

from backend.domain.families import ModelFamily


@dataclass(frozen=True, kw_only=True)
class ProductionModel:
    """A released model worth installing, and the licence it is given under."""

    name: str
    licence: str
    hub_id: str


_SD35_LICENCE = "Stability AI Community License"
PRODUCTION_MODELS: Final = {
    ModelFamily.SDXL: (
        ProductionModel(
            name="SDXL base 1.0",
            licence="CreativeML Open RAIL++-M License",
            hub_id="stabilityai/stable-diffusion-xl-base-1.0",
        ),
    ),
    ModelFamily.SD3: (
        ProductionModel(
            name="SD3.5 medium",
            licence=_SD35_LICENCE,
            hub_id="stabilityai/stable-diffusion-3.5-medium",
        ),
        ProductionModel(
            name="SD3.5 large",
            licence=_SD35_LICENCE,
            hub_id="stabilityai/stable-diffusion-3.5-large",
        ),
    ),
    ModelFamily.FLUX: (
        ProductionModel(
            name="FLUX.1-schnell",
            licence="Apache License 2.0",
            hub_id="black-forest-labs/FLUX.1-schnell",
        ),
        ProductionModel(
            name="FLUX.1-dev",
            licence="FLUX.1 [dev] Non-Commercial License",
            hub_id="black-forest-labs/FLUX.1-dev",
        ),
    ),
}
