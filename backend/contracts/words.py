"""The words of a job, weighed, and how its pictures are drawn."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Weight = Annotated[float, Field(ge=-10, le=10, allow_inf_nan=False)]


class PromptTerm(BaseModel):
    """Words and how strongly they count among those they are read with; 1 is plain."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    text: str
    weight: Weight = 1.0


class PromptPart(BaseModel):
    """Terms that are read together, and how strongly they count beside other parts."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    terms: tuple[PromptTerm, ...]
    weight: Weight = 1.0


class MannerUse(BaseModel):
    """How the pictures of a job are drawn, where that is not as usual.

    `effort` multiplies the steps, `stop` ends after so many hundredths of them. `chaos` sets the
    pictures of a job apart, `weird` all of them from what the words usually mean.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    effort: Annotated[float, Field(gt=0, le=8)] = 1.0
    stop: Annotated[int, Field(ge=1, le=100)] = 100
    chaos: Annotated[int, Field(ge=0, le=100)] = 0
    weird: Annotated[int, Field(ge=0, le=3000)] = 0
    is_same_seed: bool = False
