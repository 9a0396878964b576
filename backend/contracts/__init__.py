"""All messages to and from a GPU worker, and the names both sides must agree on.

Messages are frozen, refuse unknown fields and carry `version` and `kind`; a message written by an
older release must still parse (samples are kept under tests/).
"""

from enum import StrEnum
from typing import Annotated, Any, Final, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    TypeAdapter,
    computed_field,
    model_serializer,
    model_validator,
)

from backend.contracts.adapters import ControlUse, LoraUse
from backend.contracts.names import (
    BROKER_TRANSPORT_OPTIONS,
    NUDGE_FIELD,
    REPORT_STREAM,
    TASK_RENDER,
    WORKER_KEYS,
    cancel_key,
    claim_key,
    lifeline_name,
    lifeline_worker,
    own_queue_name,
    preview_key,
    queue_name,
    worker_key,
)
from backend.contracts.pictures import (
    BoxUse,
    ImagePromptUse,
    KnownCopy,
    MaskUse,
    OutpaintUse,
    SourceKey,
    UpscaleUse,
)
from backend.contracts.policies import FindingUse, PicturesJudged, PolicyUse
from backend.contracts.presence import WorkerPresence, parse_presence
from backend.contracts.words import MannerUse, PromptPart, PromptTerm
from backend.domain.families import FAMILY_SAMPLERS, ModelFamily, Sampler
from backend.domain.manner import planned_steps, taken_steps
from backend.domain.prompts import control_adapter
from backend.domain.recipes import (
    DrawnBy,
    Recipe,
    RecipeFile,
    RecipePart,
    RecipePicture,
    RecipeTerm,
    Reproduction,
)
from backend.domain.requests import UpscaleKind
from backend.domain.results import ImageVariant
from backend.domain.sizes import fit_ratio, snap_to
from backend.domain.tiers import TIER_POLICIES, Tier
from backend.domain.workers import WorkerState

__all__ = [
    "BROKER_TRANSPORT_OPTIONS",
    "FAMILY_SAMPLERS",
    "NUDGE_FIELD",
    "REPORT_STREAM",
    "TASK_RENDER",
    "TIER_POLICIES",
    "WORKER_KEYS",
    "BoxUse",
    "ControlUse",
    "DrawnBy",
    "FindingUse",
    "ImagePromptUse",
    "ImageVariant",
    "KnownCopy",
    "LoraUse",
    "MannerUse",
    "MaskUse",
    "ModelFamily",
    "OutpaintUse",
    "PicturesJudged",
    "PolicyUse",
    "PromptPart",
    "PromptTerm",
    "Recipe",
    "RecipeFile",
    "RecipePart",
    "RecipePicture",
    "RecipeTerm",
    "RenderBlocked",
    "RenderCancelled",
    "RenderFailed",
    "RenderFinished",
    "RenderJob",
    "RenderNote",
    "RenderPreview",
    "RenderProgress",
    "RenderReport",
    "RenderStarted",
    "RenderedImage",
    "Reproduction",
    "Sampler",
    "SourceKey",
    "StageTimings",
    "Tier",
    "UpscaleKind",
    "UpscaleUse",
    "WorkerPresence",
    "WorkerState",
    "cancel_key",
    "claim_key",
    "control_adapter",
    "fit_ratio",
    "lifeline_name",
    "lifeline_worker",
    "own_queue_name",
    "parse_presence",
    "parse_report",
    "planned_steps",
    "preview_key",
    "queue_name",
    "snap_to",
    "taken_steps",
    "worker_key",
]


class Message(BaseModel):
    """What all messages share."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    version: Literal[1] = 1
    job_id: str
    attempt: int


class RenderJob(Message):
    """Draw this, picture i with `seed_of(i)`. `None` leaves the choice to the model's defaults.

    Where there are `parts`, they are drawn in place of `prompt`: "a (red:1.3) fox::2 snow" is two,
    of which the first has three terms. So it is with `negative_parts`.

    One that `is_exact` shares no look of the network with others; `recipe` says what its pictures
    were made with the first time, and is held against what they are made with now. Only where it
    `writes_parameters` do its pictures' files tell its words. They are judged by its `policy`;
    without one, by the worker's own.
    """

    kind: Literal["render_job"] = "render_job"
    family: ModelFamily
    tier: Tier
    prompt: str
    negative_prompt: str = ""
    parts: tuple[PromptPart, ...] = ()
    negative_parts: tuple[PromptPart, ...] = ()
    aspect_width: int = 1
    aspect_height: int = 1
    steps: int | None = None
    guidance: float | None = None
    sampler: Sampler | None = None
    seed: int
    image_count: int
    source: SourceKey | None = None
    clearances: tuple[str, ...] = ()
    loras: tuple[LoraUse, ...] = ()
    manner: MannerUse | None = None
    mask: MaskUse | None = None
    outpaint: OutpaintUse | None = None
    upscale: UpscaleUse | None = None
    image_prompts: tuple[ImagePromptUse, ...] = ()
    is_tiled: bool = False
    is_exact: bool = False
    recipe: Recipe | None = None
    writes_parameters: bool = False
    policy: PolicyUse | None = None

    def seed_of(self, index: int) -> int:
        """Return the seed of a picture: the job's plus its index, if each has one of its own."""
        return self.seed if self.manner and self.manner.is_same_seed else self.seed + index

    controls: tuple[ControlUse, ...] = ()

    @computed_field  # type: ignore[prop-decorator]  # mypy knows no decorated properties
    @property
    def adapters(self) -> tuple[str, ...]:
        """The names of what must be loaded beside the model."""
        return tuple(lora.name for lora in self.loras)

    @property
    def outfit(self) -> tuple[LoraUse, ...]:
        """The LoRAs that count at all, in one order: jobs of equal ones can share a look."""
        worn = (lora for lora in self.loras if lora.scale)
        return tuple(sorted(worn, key=lambda lora: (lora.name, lora.scale)))

    @model_validator(mode="before")
    @classmethod
    def _read_older(cls, fields: object) -> object:
        """Take LoRAs that were only named as they were trained."""
        if not isinstance(fields, dict) or "adapters" not in fields:
            return fields
        named = [{"name": name} for name in fields["adapters"]]
        kept = {name: value for name, value in fields.items() if name != "adapters"}
        return {"loras": named, **kept}

    def as_message(self) -> dict[str, Any]:
        """Return it as JSON types, less what older workers refuse where it says nothing."""
        said = {
            "loras": self.loras,
            "controls": self.controls,
            "parts": self.parts,
            "negative_parts": self.negative_parts,
            "manner": self.manner,
            "mask": self.mask,
            "outpaint": self.outpaint,
            "upscale": self.upscale,
            "image_prompts": self.image_prompts,
            "is_tiled": self.is_tiled,
            "is_exact": self.is_exact,
            "recipe": self.recipe,
            "writes_parameters": self.writes_parameters,
            "policy": self.policy,
        }
        silent = {name for name, value in said.items() if not value} | {"adapters"}
        return self.model_dump(mode="json", exclude=silent)


class RenderStarted(Message):
    """A worker has begun this attempt."""

    kind: Literal["render_started"] = "render_started"
    worker: str


class RenderProgress(Message):
    """A denoising step has been finished; also the heartbeat of the lease."""

    kind: Literal["render_progress"] = "render_progress"
    worker: str
    step: int
    steps: int


class RenderPreview(Message):
    """The job's pictures as they would be now lie under `preview_key`, checked, for a while."""

    kind: Literal["render_preview"] = "render_preview"
    worker: str
    step: int
    steps: int


class RenderedImage(BaseModel):
    """One stored picture, by object key for each variant, and by what it is known again."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    index: int
    seed: int
    width: int
    height: int
    sha256: str
    size_bytes: int
    keys: dict[ImageVariant, str]
    registry_id: Annotated[int, Field(ge=0, lt=2**48)] | None = None
    digests: dict[ImageVariant, str] = Field(default_factory=dict)
    fingerprint: str = ""
    fingerprint_quality: int = 0
    is_spoiler: bool = False

    @model_serializer(mode="wrap")
    def _less_what_says_nothing(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out what an older backend refuses, where it says nothing."""
        fields: dict[str, Any] = dump(self)
        marks = {"registry_id", "digests", "fingerprint", "fingerprint_quality"}
        silent = marks if self.registry_id is None else set()
        if not self.is_spoiler:
            silent = silent | {"is_spoiler"}
        return {name: value for name, value in fields.items() if name not in silent}


class RenderNote(StrEnum):
    """What was not done just as it was asked."""

    WORDS_CUT = "words_cut"  # the prompt goes on where its encoders read no further
    GIST_UNWEIGHTED = (
        "gist_unweighted"  # words were weighed one by one, but not in the whole's gist
    )
    NEGATIVE_IGNORED = "negative_ignored"  # a distilled model looks at no negative prompt
    WORDS_ADDED = "words_added"  # those that call a LoRA's style, by its maker's word


class StageTimings(BaseModel):
    """Seconds spent in each stage."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    encode_s: float = 0.0
    denoise_s: float = 0.0
    decode_s: float = 0.0
    release_s: float = 0.0
    total_s: float = 0.0


_SILENT: Final = ("notes", "recipe", "reproduction", "judged")


class RenderFinished(Message):
    """All pictures were drawn, cleared and stored."""

    kind: Literal["render_finished"] = "render_finished"
    worker: str
    images: tuple[RenderedImage, ...]
    timings: StageTimings
    notes: tuple[RenderNote, ...] = ()
    recipe: Recipe | None = None
    reproduction: Reproduction | None = None
    judged: PicturesJudged | None = None

    @model_serializer(mode="wrap")
    def _less_what_says_nothing(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out what an older backend refuses, where it says nothing."""
        fields: dict[str, Any] = dump(self)
        silent = {name for name in _SILENT if not getattr(self, name)}
        return {name: value for name, value in fields.items() if name not in silent}


class RenderBlocked(Message):
    """The picture check held at least one picture back; nothing was stored.

    What is held for child safety may lie sealed under the keys of `evidence`.
    """

    kind: Literal["render_blocked"] = "render_blocked"
    worker: str
    outcome: Literal["review", "block"]
    category: str
    rule: str
    score: float | None = None
    judged: PicturesJudged | None = None
    match: KnownCopy | None = None
    evidence: tuple[str, ...] = ()

    @model_serializer(mode="wrap")
    def _less_what_says_nothing(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        """Leave out what an older backend refuses, where it says nothing."""
        fields: dict[str, Any] = dump(self)
        silent = {name for name in ("judged", "match", "evidence") if not getattr(self, name)}
        return {name: value for name, value in fields.items() if name not in silent}


class RenderFailed(Message):
    """The attempt failed; one that `is_retryable` goes back to the line, as its losses allow."""

    kind: Literal["render_failed"] = "render_failed"
    worker: str
    code: str
    message: str
    is_retryable: bool


class RenderCancelled(Message):
    """The worker saw the cancel flag and stopped."""

    kind: Literal["render_cancelled"] = "render_cancelled"
    worker: str


RenderReport = Annotated[
    RenderStarted
    | RenderProgress
    | RenderPreview
    | RenderFinished
    | RenderBlocked
    | RenderFailed
    | RenderCancelled,
    Field(discriminator="kind"),
]
_REPORT: TypeAdapter[RenderReport] = TypeAdapter(RenderReport)


def parse_report(text: str | bytes) -> RenderReport:
    """Read a worker's report.

    Raises:
        pydantic.ValidationError: it is not one.

    """
    return _REPORT.validate_json(text)
