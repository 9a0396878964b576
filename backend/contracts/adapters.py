"""What a job is drawn with beside the model: LoRAs that it wears, ControlNets that steer it."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field


class LoraUse(BaseModel):
    """A LoRA by name, and how strongly it counts; 1 is as it was trained."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: str
    scale: Annotated[float, Field(ge=-4, le=4, allow_inf_nan=False)] = 1.0


class ControlUse(BaseModel):
    """A ControlNet by name, the stored picture it is shown, and how strongly it steers.

    It steers the steps between two parts of the way, 0 the beginning and 1 the end.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: str
    key: str
    scale: Annotated[float, Field(ge=0, le=2)] = 1.0
    begin: Annotated[float, Field(ge=0, le=1)] = 0.0
    end: Annotated[float, Field(ge=0, le=1)] = 1.0
