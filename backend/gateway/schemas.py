"""What goes in and out over REST, as pydantic models; the words are those of the domain."""

import re
from datetime import datetime
from typing import Annotated, Final

from pydantic import BaseModel, Field, ValidationInfo, field_validator, model_validator
from pydantic_core import PydanticKnownError

from backend.domain.errors import InvalidAspectRatio
from backend.domain.families import ModelFamily, Sampler
from backend.domain.prompts import AspectRatio, LoraRef
from backend.domain.requests import GenerationRequest, Requester
from backend.domain.results import ImageVariant
from backend.domain.tiers import Tier
from backend.gateway.picture_formats import PictureFormat
from backend.gateway.picture_schemas import (
    ControlIn,
    ImagePromptIn,
    MaskIn,
    OutpaintIn,
    SourceIn,
    UpscaleIn,
)
from backend.gateway.shapes import Incoming, Number, Text, WholeNumber
from backend.service.recipes import RecipeDocument

LIST_LIMIT_MAX: Final = 100
# No prompt: it could not be stored.
_NOT_SAID: Final = "\0"
_RATIO: Final = re.compile(r"([0-9]{1,5}):([0-9]{1,5})")


class LoraIn(Incoming):
    """A LoRA by name, and how strongly it counts."""

    name: Text
    scale: Number = 1.0


class ExactJob(Incoming):
    """The very pictures of a generation, once more: all of them, for they were drawn together.

    `index` names the one that is meant, if one is; it has to be there.
    """

    job_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
    index: WholeNumber | None = None


class GenerationIn(Incoming):
    """A picture as asked for. Ranges are the domain's business: here only shapes are checked.

    `metadata` has the pictures' files tell how they were made, prompt included.

    `exact` stands in for all else: a generation, or the document that tells how it was made.
    """

    exact: ExactJob | RecipeDocument | None = None
    prompt: Annotated[Text, Field(validate_default=True)] = _NOT_SAID
    negative_prompt: Text = ""
    family: ModelFamily | None = None
    tier: Tier | None = None
    queue: Tier | None = None
    aspect_ratio: Text | None = None
    steps: WholeNumber | None = None
    guidance: Number | None = None
    sampler: Sampler | None = None
    seed: WholeNumber | None = None
    n: WholeNumber | None = None
    image: SourceIn | None = None
    mask: MaskIn | None = None
    outpaint: OutpaintIn | None = None
    upscale: UpscaleIn | None = None
    image_prompts: list[ImagePromptIn] = Field(default_factory=list)
    controls: list[ControlIn] = Field(default_factory=list)
    tile: bool = False
    loras: tuple[LoraIn, ...] = ()
    metadata: bool = False

    @field_validator("prompt", mode="before")
    @classmethod
    def _words_unless_exact(cls, value: object, info: ValidationInfo) -> object:
        if value != _NOT_SAID:
            return value
        if info.data.get("exact") is None:
            raise PydanticKnownError("missing")
        return ""

    @model_validator(mode="after")
    def _one_queue(self) -> "GenerationIn":
        if self.tier and self.queue and self.tier is not self.queue:
            raise ValueError("tier and queue are two names of one thing and should agree")
        return self

    @model_validator(mode="after")
    def _exact_alone(self) -> "GenerationIn":
        if self.exact is not None and self.model_fields_set != {"exact"}:
            raise ValueError("exact stands alone: all else is in the recipe")
        return self

    def to_request(self, requester: Requester, idempotency_key: str | None) -> GenerationRequest:
        """Say the same in the words of the domain.

        Raises:
            InvalidAspectRatio: the ratio is none.
            InvalidLora: a LoRA has no such name, or no such scale.

        """
        return GenerationRequest(
            requester=requester,
            prompt=self.prompt,
            negative_prompt=self.negative_prompt,
            family=self.family,
            tier=self.tier or self.queue,
            aspect_ratio=None if self.aspect_ratio is None else ratio_of(self.aspect_ratio),
            steps=self.steps,
            guidance=self.guidance,
            sampler=self.sampler,
            seed=self.seed,
            image_count=self.n,
            source=None if self.image is None else self.image.to_source(),
            mask=None if self.mask is None else self.mask.to_mask(),
            outpaint=None if self.outpaint is None else self.outpaint.to_outpaint(),
            upscale=None if self.upscale is None else self.upscale.to_upscale(),
            image_prompts=tuple(one.to_prompt() for one in self.image_prompts),
            controls=tuple(one.to_control() for one in self.controls),
            is_tiled=self.tile,
            loras=tuple(LoraRef(name=lora.name, scale=lora.scale) for lora in self.loras),
            idempotency_key=idempotency_key,
            writes_parameters=self.metadata,
        )


class CreateQuery(Incoming):
    """Whether a generation is only to be explained."""

    dry_run: bool = False


class ListQuery(Incoming):
    """How many generations to list."""

    limit: Annotated[int, Field(ge=1, le=LIST_LIMIT_MAX)] = 20


class ImageQuery(Incoming):
    """Which file of a picture: one by its name, or the whole of it in a format."""

    variant: ImageVariant | None = None
    format: PictureFormat | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> "ImageQuery":
        if self.variant is not None and self.format is not None:
            raise ValueError("give either variant or format")
        return self


class UploadOut(BaseModel):
    """An upload; good as `upload_id` in requests of the same account until it expires."""

    object: str = "upload"
    id: str
    width: int
    height: int
    bytes: int
    expires_at: datetime


class Urls(BaseModel):
    """Where to look and where to cancel."""

    self: str
    cancel: str


class ProgressOut(BaseModel):
    """How far the drawing is."""

    step: int
    steps: int
    pct: int


class ImageOut(BaseModel):
    """One delivered picture; every URL is signed and works until `url_expires_at`.

    `formats` lead to the whole picture in each format; `alt` says what it shows.
    """

    index: int
    seed: int
    width: int
    height: int
    sha256: str
    bytes: int
    url: str
    url_expires_at: datetime
    webp: str | None
    formats: dict[PictureFormat, str]
    thumbnails: dict[str, str]
    alt: str
    is_spoiler: Annotated[
        bool, Field(description="To be shown only to those who choose to look.")
    ] = False


class BlockedOut(BaseModel):
    """Why a job is held: the category, never what matched."""

    stage: str
    outcome: str
    category: str


class ErrorOut(BaseModel):
    """Why a job failed."""

    code: str
    message: str


class LoraOut(BaseModel):
    """A LoRA as it was understood."""

    name: str
    scale: float


class ParametersOut(BaseModel):
    """The request as understood: sent again, it draws the same pictures."""

    prompt: str
    negative_prompt: str
    family: ModelFamily
    tier: Tier
    aspect_ratio: str
    steps: int | None
    guidance: float | None
    sampler: Sampler | None
    seed: int
    n: int
    image: SourceIn | None
    mask: MaskIn | None
    outpaint: OutpaintIn | None
    upscale: UpscaleIn | None
    image_prompts: list[ImagePromptIn]
    controls: list[ControlIn]
    tile: bool
    loras: list[LoraOut]


class TranslationOut(BaseModel):
    """What a prompt was put into English from, and by whom.

    `original` is what was typed and `text` what is drawn, both without weights and parameters.
    `failure` says why there is no translation (slow, failed, unread); both are then the same.
    """

    language: str
    by: str
    original: str
    text: str
    negative_original: str
    negative_text: str
    failure: str | None


class TimingsOut(BaseModel):
    """Seconds spent in each stage of the worker."""

    encode_s: float
    denoise_s: float
    decode_s: float
    release_s: float
    total_s: float


class GenerationSummary(BaseModel):
    """A generation in a list. `request_id` and `id` are the same id under both customary names."""

    request_id: str
    id: str
    status: str
    tier: Tier
    family: ModelFamily
    seed: int
    created_at: datetime
    updated_at: datetime
    urls: Urls


class EtaOut(BaseModel):
    """Seconds until a job begins: as likely less as more, and less in nine of ten cases."""

    p50_s: float
    p90_s: float


class CostOut(BaseModel):
    """GPU-seconds: held while a job is unfinished, then charged, and refunded of what was held."""

    held_gpu_s: float
    charged_gpu_s: float
    refunded_gpu_s: float


class GenerationAccepted(GenerationSummary):
    """The answer to a creation; `position` 0 is next, null once it no longer waits.

    `eta` and `why` are null too while nobody has worked them out yet. `receipt` says what an ended
    generation was charged, in one sentence; null before. `notes` say what is drawn otherwise than
    asked, because the family can only come near to it.
    `translation` is null for what was typed in English, or in a language nobody can tell.
    """

    position: int | None
    eta: EtaOut | None
    why: str | None
    cost: CostOut
    receipt: str | None
    notes: list[str]
    translation: TranslationOut | None


class GenerationSet(BaseModel):
    """The answer to a creation that stands for several; `request_id` is the first of them."""

    object: str = "set"
    request_id: str
    id: str
    jobs: list[GenerationAccepted]
    held_gpu_s: float


class WhyOut(BaseModel):
    """Why a job is where it is, in one sentence."""

    request_id: str
    status: str
    position: int | None
    eta: EtaOut | None
    why: str


class ReproductionOut(BaseModel):
    """What came of asking for the very same pictures: the same pixels, or what was different."""

    reproduced: bool
    differs: list[str]


class GenerationOut(GenerationAccepted):
    """A generation in full."""

    version: int
    attempt: int
    progress: ProgressOut | None
    params: ParametersOut
    images: list[ImageOut]
    blocked: BlockedOut | None
    error: ErrorOut | None
    timings: TimingsOut | None
    exact: ReproductionOut | None


class GenerationList(BaseModel):
    """Generations, newest first."""

    object: str = "list"
    data: list[GenerationSummary]


def ratio_of(text: str) -> AspectRatio:
    """Read `W:H`.

    Raises:
        InvalidAspectRatio: it is not of that form, or out of range.

    """
    found = _RATIO.fullmatch(text.strip())
    if found is None:
        raise InvalidAspectRatio(given=text)
    return AspectRatio(width=int(found[1]), height=int(found[2]))
