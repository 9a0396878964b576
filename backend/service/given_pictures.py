"""The pictures a request is given: whether they are there and may be used, and what follows.

A source says what shape the new picture has; what is done with it says how much work that is.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from backend.contracts import (
    BoxUse,
    ControlUse,
    ImagePromptUse,
    MaskUse,
    OutpaintUse,
    SourceKey,
    UpscaleUse,
)
from backend.domain.errors import (
    ImageNotFound,
    ImagePromptsNotSupported,
    JobNotFound,
    PictureOperationInvalid,
    PictureTooLarge,
    TilingNotSupported,
    UploadNotFound,
)
from backend.domain.families import IMAGE_PROMPT_FAMILIES, TILING_FAMILIES
from backend.domain.jobs import Job
from backend.domain.pictures import PICTURES_MAX, PictureUse
from backend.domain.prompts import ASPECT_RATIO_MAX, AspectRatio, Effort, Mode, PromptSpec
from backend.domain.requests import (
    AccountId,
    GenerationRequest,
    JobId,
    Mask,
    Outpaint,
    PictureRef,
    Requester,
    Surface,
    UploadId,
    UpscaleKind,
)
from backend.domain.results import ImageRef, ImageVariant
from backend.domain.uploads import Upload
from backend.service.given_controls import check_controls, control_use
from backend.service.moderators import may_name, may_touch
from backend.service.policies import PlacePolicies
from backend.service.ports import Clock, JobStore, UploadStore
from backend.service.uploads import must_be_usable

IMAGE_PROMPT_SCALE_MAX = 3.0
BOXES_MAX = 16
ZOOM_MAX = 2.0
OUTPAINT_PART_MAX = 1.0
FACTORS = (1.5, 2.0, 4.0)
UPSCALED_SIDE_MAX = 4096
CREATIVE_SIDE_MAX = 2816
# A ratio is told in whole numbers no larger than this.
_RATIO_TERMS_MAX = 64


@dataclass(frozen=True, kw_only=True)
class Given:
    """What a request's pictures say of what it asks for.

    `ratio` is the shape that the picture has for certain; `usual_ratio` that which it has unless
    another is asked for.
    """

    effort: Effort
    ratio: AspectRatio | None = None
    usual_ratio: AspectRatio | None = None

    def prepare(self, request: GenerationRequest) -> GenerationRequest:
        """Return the request with a source's shape, where it names none."""
        if request.aspect_ratio is not None or self.usual_ratio is None:
            return request
        return replace(request, aspect_ratio=self.usual_ratio)

    def complete(self, spec: PromptSpec, request: GenerationRequest) -> PromptSpec:
        """Return what was understood, and what the pictures make of it.

        Raises:
            TilingNotSupported, ImagePromptsNotSupported: the family cannot do that.
            PictureOperationInvalid: it names a zoom, and no picture grows.

        """
        if spec.zoom is not None and request.outpaint is None:
            raise PictureOperationInvalid(
                "--zoom needs a picture to see from further away.",
                way_out="Press Custom Zoom under one.",
            )
        is_tiled = spec.is_tiled or request.is_tiled
        if is_tiled and spec.family not in TILING_FAMILIES:
            raise TilingNotSupported(family=spec.family, supported=TILING_FAMILIES)
        if request.image_prompts and spec.family not in IMAGE_PROMPT_FAMILIES:
            raise ImagePromptsNotSupported(family=spec.family, supported=IMAGE_PROMPT_FAMILIES)
        return replace(
            spec,
            is_tiled=is_tiled,
            effort=replace(
                self.effort,
                pictures=len(request.image_prompts) + len(spec.pictures),
                controls=tuple(one.controlnet for one in request.controls),
            ),
            aspect_ratio=self.ratio or spec.aspect_ratio,
            image_count=1 if request.upscale else spec.image_count,
        )


@dataclass(frozen=True, kw_only=True)
class GivenKeys:
    """Where a job's pictures are stored, as its worker is told."""

    source: SourceKey | None = None
    mask: MaskUse | None = None
    image_prompts: tuple[ImagePromptUse, ...] = ()
    controls: tuple[ControlUse, ...] = ()


class GivenPictures:
    """Looks up the pictures that requests name; those of frozen accounts are not there."""

    def __init__(
        self,
        *,
        jobs: JobStore,
        uploads: UploadStore,
        is_frozen: Callable[[AccountId], Awaitable[bool]],
        policies: PlacePolicies,
        clock: Clock,
    ) -> None:
        self._jobs = jobs
        self._uploads = uploads
        self._is_frozen = is_frozen
        self._policies = policies
        self._clock = clock

    async def look(self, request: GenerationRequest) -> Given:
        """Check all pictures of a request, and what is to be done with them.

        Raises:
            JobNotFound, ImageNotFound, UploadNotFound: one is not there for this requester.
            PictureBlocked: an upload may not be used where it is asked for.
            PictureOperationInvalid, PictureTooLarge: it cannot be done.

        """
        check_operation(request)
        source = request.source
        size = None if source is None else await self._size_of(source, request.requester)
        for ref in _others(request):
            await self._size_of(ref, request.requester)
        effort = effort_of(request)
        if size is None:
            return Given(effort=effort)
        _check_size(request, size)
        ratio = ratio_of(size, request.outpaint)
        is_certain = effort.mode is not Mode.IMAGE
        return Given(effort=effort, ratio=ratio if is_certain else None, usual_ratio=ratio)

    async def keys_of(self, job: Job) -> GivenKeys | None:
        """Return where a job's pictures are stored; None if one is not there any more."""
        request = settled(job)
        source, mask = request.source, request.mask
        source_key = None if source is None else await self.key_of(source)
        mask_key = None if mask is None or mask.picture is None else await self.key_of(mask.picture)
        prompts = [(one, await self.key_of(one)) for one in request.image_prompts]
        controls = [(one, await self.key_of(one)) for one in request.controls]
        is_gone = (
            (source is not None and source_key is None)
            or (mask is not None and mask.picture is not None and mask_key is None)
            or any(key is None for _, key in (*prompts, *controls))
        )
        if is_gone:
            return None
        return GivenKeys(
            source=SourceKey(key=source_key, strength=source.strength)
            if source is not None and source_key is not None
            else None,
            mask=None if mask is None else _mask_use(mask, mask_key),
            image_prompts=tuple(
                ImagePromptUse(key=key, scale=one.scale, is_style=one.use is PictureUse.STYLE)
                for one, key in prompts
                if key is not None
            ),
            controls=tuple(control_use(one, key) for one, key in controls if key is not None),
        )

    async def key_of(self, ref: PictureRef) -> str | None:
        """Return the object key of a picture's original; None if there is none (any more)."""
        if ref.upload_id is not None:
            upload = await self._uploads.get(ref.upload_id)
            return None if upload is None else upload.key
        job = await self._shown(ref.job_id)
        image = None if job is None else job.image(ref.index)
        return None if image is None else image.keys[ImageVariant.ORIGINAL]

    async def must_be_there(self, ref: PictureRef, requester: Requester) -> None:
        """Make sure that a picture can be had that is named by its id.

        An id may be learned of a picture that was never shown: only the owner's, and those of
        channels of the same server, can be named.

        Raises:
            JobNotFound, ImageNotFound, UploadNotFound: it is not there for this requester.
            PictureBlocked: it is an upload, and may not be used here.

        """
        if ref.upload_id is not None:
            await self._upload_of(ref.upload_id, requester)
        elif not may_name((await self._picture_of(ref, requester))[0], requester):
            raise JobNotFound

    async def _size_of(self, ref: PictureRef, requester: Requester) -> tuple[int, int]:
        if ref.upload_id is not None:
            upload = await self._upload_of(ref.upload_id, requester)
            return upload.width, upload.height
        _, image = await self._picture_of(ref, requester)
        return image.width, image.height

    async def _upload_of(self, upload_id: UploadId, requester: Requester) -> Upload:
        upload = await self._uploads.get(upload_id)
        if upload is None or not upload.is_open_to(requester.account_id, now=self._clock()):
            raise UploadNotFound
        must_be_usable(upload, await self._policies.at(requester.place))
        return upload

    async def _shown(self, job_id: JobId | None) -> Job | None:
        job = None if job_id is None else await self._jobs.get(job_id)
        if job is None or await self._is_frozen(job.request.requester.account_id):
            return None
        return job

    async def _picture_of(self, ref: PictureRef, requester: Requester) -> tuple[Job, ImageRef]:
        job = await self._shown(ref.job_id)
        if job is None:
            raise JobNotFound
        # What stands in a channel is open to all there; elsewhere jobs are their owner's.
        is_open = {job.request.requester.surface, requester.surface} == {Surface.DISCORD}
        if not (is_open or may_touch(job, requester)):
            raise JobNotFound
        image = job.image(ref.index)
        if image is None:
            raise ImageNotFound
        return job, image


def check_operation(request: GenerationRequest) -> None:
    """Check that what is asked of the pictures makes sense and is within bounds.

    Raises:
        PictureOperationInvalid: it does not, or is not.

    """
    asked = [one for one in (request.mask, request.outpaint, request.upscale) if one is not None]
    if len(asked) > 1:
        raise PictureOperationInvalid(
            "A picture is either drawn over in part, or grown, or made larger.",
            way_out="Ask for one after the other.",
        )
    if asked and request.source is None:
        raise PictureOperationInvalid(
            "This needs a picture to work on.", way_out="Name the picture as well."
        )
    if request.source is not None and not 0 <= request.source.strength <= 1:
        raise PictureOperationInvalid(
            "A strength is a number from 0 to 1.", way_out="0.5 is a good beginning."
        )
    _check_mask(request.mask)
    _check_outpaint(request.outpaint)
    check_controls(request)
    if request.upscale is not None and request.upscale.factor not in FACTORS:
        raise PictureOperationInvalid(
            f"Pictures are made {' or '.join(f'{one:g}' for one in FACTORS)} times as large.",
            way_out="Use 2.",
        )
    is_too_many = len(request.image_prompts) > PICTURES_MAX
    if is_too_many or any(
        not 0 <= one.scale <= IMAGE_PROMPT_SCALE_MAX for one in request.image_prompts
    ):
        raise PictureOperationInvalid(
            f"At most {PICTURES_MAX} image prompts, each counting 0 to 3 times.",
            way_out="Use fewer, or 1.",
        )


def _check_mask(mask: Mask | None) -> None:
    if mask is None:
        return
    edges = [(box.left, box.right) for box in mask.boxes]
    edges += [(box.top, box.bottom) for box in mask.boxes]
    is_empty = mask.picture is None and not mask.boxes
    is_wrong = any(not 0 <= begin < end <= 1 for begin, end in edges)
    if is_empty or is_wrong or len(mask.boxes) > BOXES_MAX:
        raise PictureOperationInvalid(
            "A mask is a picture, white where it is drawn anew, or some boxes within 0 to 1.",
            way_out="Send one of the two.",
        )


def _check_outpaint(outpaint: Outpaint | None) -> None:
    if outpaint is None:
        return
    parts = (outpaint.left, outpaint.top, outpaint.right, outpaint.bottom)
    is_within = 1 <= outpaint.zoom <= ZOOM_MAX and all(
        0 <= part <= OUTPAINT_PART_MAX for part in parts
    )
    if not is_within or (outpaint.zoom == 1 and not any(parts)):
        raise PictureOperationInvalid(
            "A canvas grows by a zoom up to 2, or by up to its own length on a side.",
            way_out="Use for example zoom 1.5.",
        )


def _check_size(request: GenerationRequest, size: tuple[int, int]) -> None:
    if request.upscale is None:
        return
    is_creative = request.upscale.kind is UpscaleKind.CREATIVE
    limit = CREATIVE_SIDE_MAX if is_creative else UPSCALED_SIDE_MAX
    if max(size) * request.upscale.factor > limit:
        raise PictureTooLarge(limit=f"its longer side would have more than {limit} pixels")


def effort_of(request: GenerationRequest) -> Effort:
    """Return what a request's mode does to its cost."""
    if request.upscale is not None:
        area = request.upscale.factor**2
        if request.upscale.kind is UpscaleKind.SUBTLE:
            return Effort(mode=Mode.UPSCALE_SUBTLE, strength=0.0, area=area)
        strength = request.source.strength if request.source else 1.0
        return Effort(mode=Mode.UPSCALE_CREATIVE, strength=strength, area=area)
    if request.outpaint is not None:
        grown = request.outpaint
        area = (1 + grown.left + grown.right) * (1 + grown.top + grown.bottom)
        return Effort(mode=Mode.OUTPAINT, area=area)
    if request.source is None:
        return Effort()
    mode = Mode.IMAGE if request.mask is None else Mode.INPAINT
    return Effort(mode=mode, strength=request.source.strength)


def ratio_of(size: tuple[int, int], outpaint: Outpaint | None) -> AspectRatio:
    """Return a picture's shape, once grown if it is to grow.

    Raises:
        PictureOperationInvalid: it would become too narrow.

    """
    width, height = size
    if outpaint is None:
        # What was uploaded may be narrower than anything drawn here; it is squeezed a little.
        ratio = min(max(width / height, 1 / ASPECT_RATIO_MAX), ASPECT_RATIO_MAX)
    else:
        wide = width * (1 + outpaint.left + outpaint.right)
        ratio = wide / (height * (1 + outpaint.top + outpaint.bottom))
        if not 1 / ASPECT_RATIO_MAX <= ratio <= ASPECT_RATIO_MAX:
            raise PictureOperationInvalid(
                "The picture would become narrower than 1:3.", way_out="Grow its other side."
            )
    whole = Fraction(ratio).limit_denominator(_RATIO_TERMS_MAX)
    if whole > ASPECT_RATIO_MAX or whole < 1 / ASPECT_RATIO_MAX:
        whole = Fraction(3) if ratio > 1 else Fraction(1, 3)
    return AspectRatio(width=whole.numerator, height=whole.denominator)


def settled(job: Job) -> GenerationRequest:
    """Return what a job asked for, with what its words said of its pictures written into them."""
    request, spec = job.request, job.spec
    prompts, outpaint = request.image_prompts, request.outpaint
    if spec.image_weight is not None:
        prompts = tuple(
            replace(one, scale=spec.image_weight) if one.use is PictureUse.LOOK else one
            for one in prompts
        )
    if spec.zoom is not None and outpaint is not None:
        outpaint = replace(outpaint, zoom=spec.zoom)
    return replace(request, image_prompts=prompts, outpaint=outpaint)


def outpaint_use(job: Job) -> OutpaintUse | None:
    """Say how a job's canvas grows in the words of the worker."""
    outpaint = settled(job).outpaint
    return None if outpaint is None else OutpaintUse(**vars(outpaint))


def upscale_use(job: Job) -> UpscaleUse | None:
    """Say how a job's picture is made larger in the words of the worker."""
    upscale = job.request.upscale
    return None if upscale is None else UpscaleUse(**vars(upscale))


def _others(request: GenerationRequest) -> Sequence[PictureRef]:
    masks = [request.mask.picture] if request.mask and request.mask.picture else []
    return [*masks, *request.image_prompts, *request.controls]


def _mask_use(mask: Mask, key: str | None) -> MaskUse:
    return MaskUse(key=key, boxes=tuple(BoxUse(**vars(box)) for box in mask.boxes))
