"""Who asks, from where, and for what, before anything is understood."""

from dataclasses import dataclass
from enum import StrEnum
from typing import NewType

from backend.domain.families import ModelFamily, Sampler
from backend.domain.prompts import AspectRatio
from backend.domain.tiers import Tier

AccountId = NewType("AccountId", str)
JobId = NewType("JobId", str)


class Surface(StrEnum):
    """The door a request came through."""

    DISCORD = "discord"
    REST = "rest"
    COMMAND_LINE = "command_line"


@dataclass(frozen=True, kw_only=True)
class Requester:
    """Who asks. `is_moderator` is decided afresh by the surface for every call, never stored."""

    account_id: AccountId
    surface: Surface
    display_name: str = ""
    is_moderator: bool = False


@dataclass(frozen=True, kw_only=True)
class SourceImage:
    """A picture a new one starts from, and how far it may depart (0 copies, 1 ignores it)."""

    job_id: JobId
    index: int
    strength: float


@dataclass(frozen=True, kw_only=True)
class GenerationRequest:
    """A picture as asked for.

    `prompt` may carry parameters (`--ar 3:2`); one in the text beats the field of that name.
    `idempotency_key` makes a repeated submission return the first one's job.
    """

    requester: Requester
    prompt: str
    negative_prompt: str = ""
    family: ModelFamily | None = None
    tier: Tier | None = None
    aspect_ratio: AspectRatio | None = None
    steps: int | None = None
    guidance: float | None = None
    sampler: Sampler | None = None
    seed: int | None = None
    image_count: int | None = None
    source: SourceImage | None = None
    idempotency_key: str | None = None
