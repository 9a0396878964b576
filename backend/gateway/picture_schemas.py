"""Pictures as they are given to requests over REST, and what is asked of delivered ones."""

from typing import Annotated, Any

from pydantic import Field, model_validator

from backend.domain.pictures import PictureUse
from backend.domain.requests import (
    Box,
    ControlImage,
    ImagePrompt,
    JobId,
    Mask,
    Outpaint,
    PictureRef,
    SourceImage,
    UploadId,
    Upscale,
    UpscaleKind,
)
from backend.domain.rework import Direction, Rework, Variation
from backend.gateway.shapes import Incoming, Number, Text, WholeNumber

SOURCE_STRENGTH = 0.7
_ID = r"^[A-Za-z0-9_-]{1,64}$"
PictureId = Annotated[str, Field(strict=True, pattern=_ID)]


class PictureIn(Incoming):
    """A picture: `job_id` and `index` of a delivered one, or `upload_id`."""

    job_id: PictureId | None = None
    index: WholeNumber = 0
    upload_id: PictureId | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> "PictureIn":
        if (self.job_id is None) == (self.upload_id is None):
            raise ValueError("give either job_id or upload_id")
        return self

    def place(self) -> dict[str, Any]:
        """Return where the picture is, as the fields of a `PictureRef`."""
        return {
            "job_id": None if self.job_id is None else JobId(self.job_id),
            "index": self.index,
            "upload_id": None if self.upload_id is None else UploadId(self.upload_id),
        }


class SourceIn(PictureIn):
    """A picture to start from, and how far to depart from it: 0 copies, 1 ignores it."""

    strength: Number = SOURCE_STRENGTH

    def to_source(self) -> SourceImage:
        """Say the same in the words of the domain."""
        return SourceImage(**self.place(), strength=self.strength)


class ImagePromptIn(PictureIn):
    """A picture of which something is taken up, and how strongly: its look, style or character."""

    scale: Number = 1.0
    use: PictureUse = PictureUse.LOOK

    def to_prompt(self) -> ImagePrompt:
        """Say the same in the words of the domain."""
        return ImagePrompt(**self.place(), scale=self.scale, use=self.use)


class ControlIn(PictureIn):
    """A picture that a ControlNet is shown, and how strongly and when it steers."""

    controlnet: Text
    scale: Number = 1.0
    begin: Number = 0.0
    end: Number = 1.0

    def to_control(self) -> ControlImage:
        """Say the same in the words of the domain."""
        return ControlImage(
            **self.place(),
            controlnet=self.controlnet,
            scale=self.scale,
            begin=self.begin,
            end=self.end,
        )


class BoxIn(Incoming):
    """Part of a picture; edges in parts of its width and height, from the top left."""

    left: Number
    top: Number
    right: Number
    bottom: Number


class MaskIn(Incoming):
    """What is drawn anew: where `image` is white, and inside `boxes`."""

    image: PictureIn | None = None
    boxes: list[BoxIn] = Field(default_factory=list)

    def to_mask(self) -> Mask:
        """Say the same in the words of the domain."""
        return Mask(
            picture=None if self.image is None else PictureRef(**self.image.place()),
            boxes=tuple(Box(**box.model_dump()) for box in self.boxes),
        )


class OutpaintIn(Incoming):
    """How the canvas grows: by a zoom, and by parts of the picture's sides."""

    zoom: Number = 1.0
    left: Number = 0.0
    top: Number = 0.0
    right: Number = 0.0
    bottom: Number = 0.0

    def to_outpaint(self) -> Outpaint:
        """Say the same in the words of the domain."""
        return Outpaint(**self.model_dump())


class UpscaleIn(Incoming):
    """How the picture is made larger."""

    kind: UpscaleKind = UpscaleKind.SUBTLE
    factor: Number = 2.0

    def to_upscale(self) -> Upscale:
        """Say the same in the words of the domain."""
        return Upscale(kind=self.kind, factor=self.factor)


class VariationIn(Incoming):
    """Variations of a delivered picture."""

    kind: Variation = Variation.STRONG
    prompt: Text | None = None

    def to_rework(self) -> Rework:
        """Say the same in the words of the domain."""
        return Rework.vary(self.kind, prompt=self.prompt)


class UpscaleOfIn(UpscaleIn):
    """A delivered picture made larger."""

    def to_rework(self) -> Rework:
        """Say the same in the words of the domain."""
        return Rework.enlarge(self.kind, factor=self.factor)


class OutpaintOfIn(OutpaintIn):
    """A delivered picture on a larger canvas; `pan` is short for more on one side."""

    pan: Direction | None = None
    prompt: Text | None = None

    @model_validator(mode="after")
    def _pan_or_the_rest(self) -> "OutpaintOfIn":
        if self.pan is not None and self.model_fields_set - {"pan", "prompt"}:
            raise ValueError("give either pan or zoom and sides")
        return self

    def to_rework(self) -> Rework:
        """Say the same in the words of the domain."""
        if self.pan is not None:
            return Rework.pan(self.pan, prompt=self.prompt)
        sides = self.model_dump(exclude={"pan", "prompt"})
        return Rework.grow(Outpaint(**sides), prompt=self.prompt)


class InpaintOfIn(Incoming):
    """A part of a delivered picture drawn anew."""

    mask: MaskIn
    prompt: Text | None = None
    strength: Number = 1.0

    def to_rework(self) -> Rework:
        """Say the same in the words of the domain."""
        return Rework.redraw(self.mask.to_mask(), strength=self.strength, prompt=self.prompt)
