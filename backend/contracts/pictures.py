"""What a worker is told of the pictures that a job is given."""

from typing import Annotated

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializerFunctionWrapHandler,
    model_serializer,
)

from backend.domain.requests import UpscaleKind

Part = Annotated[float, Field(ge=0, le=1)]


class SourceKey(BaseModel):
    """The stored picture a job starts from, by object key; strength 0 copies it, 1 ignores it."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    key: str
    strength: Part


class BoxUse(BaseModel):
    """Part of a picture; edges in parts of its width and height, from the top left."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    left: Part
    top: Part
    right: Part
    bottom: Part


class MaskUse(BaseModel):
    """What of the source is drawn anew: where the picture under `key` is white, and in boxes."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    key: str | None = None
    boxes: tuple[BoxUse, ...] = ()


class OutpaintUse(BaseModel):
    """How the source's canvas grows: smaller by `zoom`, then longer by parts of its own sides."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    zoom: Annotated[float, Field(ge=1, le=4)] = 1.0
    left: Annotated[float, Field(ge=0, le=2)] = 0.0
    top: Annotated[float, Field(ge=0, le=2)] = 0.0
    right: Annotated[float, Field(ge=0, le=2)] = 0.0
    bottom: Annotated[float, Field(ge=0, le=2)] = 0.0


class UpscaleUse(BaseModel):
    """How the source is made larger, and how many times as wide and high."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    kind: UpscaleKind
    factor: Annotated[float, Field(gt=1, le=4)] = 2.0


class KnownCopy(BaseModel):
    """Which listed picture one is a copy of, and how many of 256 bits lie between them."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    list_name: str
    entry: str
    distance: Annotated[int, Field(ge=0, le=256)]
    fingerprint: str


class ImagePromptUse(BaseModel):
    """A stored picture whose look is taken up, and how strongly beside the words.

    Of one that `is_style` no more is looked at than where the network decides on style.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    key: str
    scale: Annotated[float, Field(ge=0, le=3)] = 1.0
    is_style: bool = False

    @model_serializer(mode="wrap")
    def _as_older_workers_read_it(self, write: SerializerFunctionWrapHandler) -> dict[str, object]:
        """Leave out what older workers refuse, where it says nothing."""
        said: dict[str, object] = write(self)
        return {name: value for name, value in said.items() if name != "is_style" or self.is_style}
