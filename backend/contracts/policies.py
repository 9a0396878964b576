"""What of a policy a worker needs to judge pictures by, and what it found in them."""

from pydantic import BaseModel, ConfigDict, Field


class PolicyUse(BaseModel):
    """The policy of the place that a job comes from, as far as pictures are judged by it.

    `scores` are thresholds by their short names; what a worker does not know of them it leaves.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    id: str
    version: str
    scores: dict[str, float] = Field(default_factory=dict)
    at_most: dict[str, str] = Field(default_factory=dict)
    at_least: dict[str, str] = Field(default_factory=dict)


class FindingUse(BaseModel):
    """What one check said of a picture, before any policy."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    check: str
    outcome: str
    category: str = ""
    rule: str = ""
    score: float | None = None


class PicturesJudged(BaseModel):
    """By which policy a job's pictures were judged, over what was found in each of them."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    policy: str
    version: str
    pictures: tuple[tuple[FindingUse, ...], ...]
