"""Domain objects as they are shown over REST; pure."""

from collections.abc import Sequence
from typing import Any

from backend.domain.jobs import Block, Failure, Job, Progress
from backend.domain.outlook import Outlook
from backend.domain.prompts import PromptSpec
from backend.domain.recipes import Reproduction
from backend.domain.requests import Mask
from backend.domain.results import Timings
from backend.domain.uploads import Upload
from backend.gateway.picture_schemas import (
    BoxIn,
    ControlIn,
    ImagePromptIn,
    MaskIn,
    OutpaintIn,
    PictureIn,
    SourceIn,
    UpscaleIn,
)
from backend.gateway.schemas import (
    BlockedOut,
    CostOut,
    ErrorOut,
    EtaOut,
    GenerationAccepted,
    GenerationOut,
    GenerationSet,
    GenerationSummary,
    ImageOut,
    LoraOut,
    ParametersOut,
    ProgressOut,
    ReproductionOut,
    TimingsOut,
    TranslationOut,
    UploadOut,
    Urls,
    WhyOut,
)
from backend.service.given_pictures import settled
from backend.service.job_view import JobView

# Their messages are for the operator: they name folders of the worker's host.
_NAMES_FOLDERS = frozenset({"model_missing", "model_broken"})
_MODEL_FAILED = "The model cannot be loaded; the operator finds the reason in the worker's log."


def summary_of(job: Job, public_url: str) -> GenerationSummary:
    """Present a job in a line of a list."""
    path = f"{public_url}/v1/generations/{job.id}"
    return GenerationSummary(
        request_id=job.id,
        id=job.id,
        status=job.state,
        tier=job.spec.tier,
        family=job.spec.family,
        seed=job.seed,
        created_at=job.created_at,
        updated_at=job.updated_at,
        urls=Urls(self=path, cancel=f"{path}/cancel"),
    )


def accepted_of(view: JobView, public_url: str) -> GenerationAccepted:
    """Present a job that has just been put in line, or was cancelled."""
    return GenerationAccepted(
        **vars(summary_of(view.job, public_url)),
        position=view.position,
        eta=_eta(view.outlook),
        why=None if view.outlook is None else view.outlook.why,
        cost=CostOut(
            held_gpu_s=view.cost.held_s,
            charged_gpu_s=view.cost.charged_s,
            refunded_gpu_s=view.cost.refunded_s,
        ),
        receipt=view.receipt or None,
        notes=list(view.notes),
        translation=translation_of(view.job.spec),
    )


def set_of(views: Sequence[JobView], public_url: str) -> GenerationSet:
    """Present the jobs that one prompt stood for."""
    return GenerationSet(
        request_id=views[0].job.id,
        id=views[0].job.id,
        jobs=[accepted_of(view, public_url) for view in views],
        held_gpu_s=sum(view.cost.held_s for view in views),
    )


def generation_of(view: JobView, images: list[ImageOut], public_url: str) -> GenerationOut:
    """Present a job in full, with the pictures and their fresh links."""
    job = view.job
    return GenerationOut(
        **vars(accepted_of(view, public_url)),
        version=job.version,
        attempt=job.attempt,
        progress=_progress(job.progress),
        params=_parameters(job),
        images=images,
        blocked=_blocked(job.block),
        error=_error(job.failure),
        timings=_timings(job.result.timings if job.result else None),
        exact=_reproduction(job.result.reproduction if job.result else None),
    )


def translation_of(spec: PromptSpec) -> TranslationOut | None:
    """Present how a prompt came into English, if it did or should have."""
    told = spec.translation
    if told is None:
        return None
    return TranslationOut(
        language=told.language,
        by=told.by,
        original=spec.typed.positive_text,
        text=spec.positive_text,
        negative_original=spec.typed.negative_text,
        negative_text=spec.negative_text,
        failure=told.failure or None,
    )


def why_of(view: JobView) -> WhyOut:
    """Present why a job is where it is."""
    return WhyOut(
        request_id=view.job.id,
        status=view.job.state,
        position=view.position,
        eta=_eta(view.outlook),
        why=view.why,
    )


def _eta(outlook: Outlook | None) -> EtaOut | None:
    return None if outlook is None else EtaOut(p50_s=outlook.p50_s, p90_s=outlook.p90_s)


def _progress(progress: Progress | None) -> ProgressOut | None:
    if progress is None:
        return None
    pct = round(100 * progress.step / progress.steps) if progress.steps else 0
    return ProgressOut(step=progress.step, steps=progress.steps, pct=pct)


def _parameters(job: Job) -> ParametersOut:
    spec = job.spec
    return ParametersOut(
        prompt=spec.positive_text,
        negative_prompt=spec.negative_text,
        family=spec.family,
        tier=spec.tier,
        aspect_ratio=str(spec.aspect_ratio),
        steps=spec.steps,
        guidance=spec.guidance,
        sampler=spec.sampler,
        seed=job.seed,
        n=spec.image_count,
        loras=[LoraOut(name=lora.name, scale=lora.scale) for lora in spec.loras],
        **_pictures(job),
    )


def _pictures(job: Job) -> dict[str, Any]:
    """Return what the pictures of a request were, in the words it can be sent again with."""
    request = settled(job)
    mask, outpaint, upscale = request.mask, request.outpaint, request.upscale
    return {
        "image": None if request.source is None else SourceIn(**vars(request.source)),
        "mask": None if mask is None else _mask(mask),
        "outpaint": None if outpaint is None else OutpaintIn(**vars(outpaint)),
        "upscale": None if upscale is None else UpscaleIn(**vars(upscale)),
        "image_prompts": [ImagePromptIn(**vars(one)) for one in request.image_prompts],
        "controls": [ControlIn(**vars(one)) for one in request.controls],
        "tile": job.spec.is_tiled,
    }


def _mask(mask: Mask) -> MaskIn:
    return MaskIn(
        image=None if mask.picture is None else PictureIn(**vars(mask.picture)),
        boxes=[BoxIn(**vars(box)) for box in mask.boxes],
    )


def upload_of(upload: Upload) -> UploadOut:
    """Present an upload to its owner."""
    return UploadOut(
        id=upload.id,
        width=upload.width,
        height=upload.height,
        bytes=upload.size_bytes,
        expires_at=upload.expires_at.replace(microsecond=0),
    )


def _blocked(block: Block | None) -> BlockedOut | None:
    if block is None:
        return None
    return BlockedOut(stage=block.stage, outcome=block.outcome, category=block.category)


def _error(failure: Failure | None) -> ErrorOut | None:
    if failure is None:
        return None
    message = _MODEL_FAILED if failure.code in _NAMES_FOLDERS else failure.message
    return ErrorOut(code=failure.code, message=message)


def _reproduction(made: Reproduction | None) -> ReproductionOut | None:
    if made is None:
        return None
    return ReproductionOut(reproduced=made.is_same, differs=list(made.differs))


def _timings(timings: Timings | None) -> TimingsOut | None:
    return None if timings is None else TimingsOut(**vars(timings))
