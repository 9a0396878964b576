"""Who asks, from where, and for what, before anything is understood."""

from dataclasses import dataclass
from enum import StrEnum
from typing import NewType

from backend.domain.families import ModelFamily, Sampler
from backend.domain.pictures import PictureUse
from backend.domain.prompts import AspectRatio, LoraRef
from backend.domain.recipes import Recipe
from backend.domain.tiers import Tier

AccountId = NewType("AccountId", str)
JobId = NewType("JobId", str)
UploadId = NewType("UploadId", str)


class Surface(StrEnum):
    """The door a request came through."""

    DISCORD = "discord"
    REST = "rest"
    COMMAND_LINE = "command_line"


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where somebody asks: a channel of a guild, by Discord's ids, and as what they are there.

    `is_age_restricted` and `roles` are of the moment of asking; a thread is as restricted as its
    parent.
    """

    guild_id: str
    channel_id: str
    is_age_restricted: bool = False
    roles: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Requester:
    """Who asks. `is_moderator` is decided afresh by the surface for every call, never stored.

    `place` is None where no guild's rules hold: over REST, at a command line, in private messages.
    """

    account_id: AccountId
    surface: Surface
    display_name: str = ""
    is_moderator: bool = False
    place: Place | None = None


@dataclass(frozen=True, kw_only=True)
class PictureRef:
    """A picture given to a job: one that another job delivered, or one that was uploaded."""

    job_id: JobId | None = None
    index: int = 0
    upload_id: UploadId | None = None

    def __post_init__(self) -> None:
        if (self.job_id is None) == (self.upload_id is None):
            raise ValueError("a picture is one of a job, or an upload")


@dataclass(frozen=True, kw_only=True)
class SourceImage(PictureRef):
    """A picture a new one starts from, and how far it may depart (0 copies, 1 ignores it)."""

    strength: float


@dataclass(frozen=True, kw_only=True)
class ImagePrompt(PictureRef):
    """A picture that a new one takes something from, and how strongly beside words (0 to 3)."""

    scale: float = 1.0
    use: PictureUse = PictureUse.LOOK


@dataclass(frozen=True, kw_only=True)
class ControlImage(PictureRef):
    """A picture that a ControlNet is shown, and how strongly it steers (0 to 2).

    It steers between two parts of the way, 0 the beginning and 1 the end. What it wants to be shown
    is its own affair: lines, depths, poses.
    """

    controlnet: str
    scale: float = 1.0
    begin: float = 0.0
    end: float = 1.0


@dataclass(frozen=True, kw_only=True)
class Box:
    """Part of a picture; edges in parts of its width and height, from the top left."""

    left: float
    top: float
    right: float
    bottom: float


@dataclass(frozen=True, kw_only=True)
class Mask:
    """What of the source is drawn anew: where another picture is white, and inside boxes."""

    picture: PictureRef | None = None
    boxes: tuple[Box, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Outpaint:
    """How the source's canvas grows; what is new is drawn.

    Seen from `zoom` times as far, the picture becomes that much smaller; each side is then added as
    a part of the picture's own width or height.
    """

    zoom: float = 1.0
    left: float = 0.0
    top: float = 0.0
    right: float = 0.0
    bottom: float = 0.0


class UpscaleKind(StrEnum):
    """How a picture is made larger."""

    SUBTLE = "subtle"  # as it is, by a super-resolution network
    CREATIVE = "creative"  # drawn over in its new size


@dataclass(frozen=True, kw_only=True)
class Upscale:
    """Make the source `factor` times as wide and as high."""

    kind: UpscaleKind
    factor: float = 2.0


@dataclass(frozen=True, kw_only=True)
class SetPlace:
    """A job's place among those that one prompt stood for; `parent` is the first of them."""

    parent: JobId
    index: int
    count: int

    def ids(self) -> tuple[JobId, ...]:
        """Return the ids of all of them, in order."""
        return tuple(
            self.parent if not i else JobId(f"{self.parent}-{i}") for i in range(self.count)
        )


@dataclass(frozen=True, kw_only=True)
class GenerationRequest:
    """A picture as asked for.

    `prompt` may carry parameters (`--ar 3:2`); one in the text beats the field of that name.
    At most one of `mask`, `outpaint` and `upscale` says what is done with `source`; without any, a
    new picture starts from it. `recipe` asks for the very same pixels as were drawn by it, and is
    held against how they are drawn; the other fields say the same. `idempotency_key` makes a
    repeated submission return the first one's job.
    Only where it `writes_parameters` do the pictures' files tell its words.
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
    mask: Mask | None = None
    outpaint: Outpaint | None = None
    upscale: Upscale | None = None
    image_prompts: tuple[ImagePrompt, ...] = ()
    controls: tuple[ControlImage, ...] = ()
    is_tiled: bool = False
    loras: tuple[LoraRef, ...] = ()
    recipe: Recipe | None = None
    idempotency_key: str | None = None
    place: SetPlace | None = None
    is_as_written: bool = False
    writes_parameters: bool = False
