"""What a finished job holds: pictures by key, seeds, timings."""

from collections.abc import Collection
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final

from backend.domain.recipes import Recipe, Reproduction


class ImageVariant(StrEnum):
    """The files kept of one picture; the first of several also has those of their grid."""

    ORIGINAL = "original"
    WEBP = "webp"
    JPEG = "jpeg"
    AVIF = "avif"
    THUMBNAIL_256 = "thumbnail_256"
    THUMBNAIL_512 = "thumbnail_512"
    GRID = "grid"
    GRID_SMALL = "grid_small"


# Files in which all pictures of a job are seen together; they lie with the first.
TOGETHER: Final = frozenset({ImageVariant.GRID, ImageVariant.GRID_SMALL})


def folder_of(key: str) -> str:
    """Return where all files of the picture lie that a file under this key is of."""
    return key.rpartition("/")[0]


@dataclass(frozen=True, kw_only=True)
class ImageRef:
    """One stored picture; `keys` names its object for each variant, `sha256` is the original's.

    `registry_id` is what its watermark says and `digests` are the SHA-256 of its files; pictures
    of older releases have neither. `fingerprint` is its perceptual hash in hexadecimal digits.
    One that `is_spoiler` is shown only to those who choose to look.
    """

    index: int
    seed: int
    width: int
    height: int
    sha256: str
    size_bytes: int
    keys: dict[ImageVariant, str]
    registry_id: int | None = None
    digests: dict[ImageVariant, str] = field(default_factory=dict)
    fingerprint: str = ""
    fingerprint_quality: int = 0
    is_spoiler: bool = False

    @property
    def together(self) -> dict[ImageVariant, str]:
        """The keys of files in which others are seen as well."""
        return {variant: key for variant, key in self.keys.items() if variant in TOGETHER}

    def shows_others(self, digests: Collection[str]) -> bool:
        """Say whether one of these is of a file in which others are seen as well."""
        return any(self.digests.get(variant) in digests for variant in TOGETHER)

    def alone(self) -> "ImageRef":
        """Return it without the files in which others are seen as well."""
        keys = {variant: key for variant, key in self.keys.items() if variant not in TOGETHER}
        digests = {variant: one for variant, one in self.digests.items() if variant not in TOGETHER}
        return replace(self, keys=keys, digests=digests)


@dataclass(frozen=True, kw_only=True)
class Timings:
    """Seconds spent in each stage of the worker."""

    encode_s: float = 0.0
    denoise_s: float = 0.0
    decode_s: float = 0.0
    release_s: float = 0.0
    total_s: float = 0.0

    @property
    def gpu_s(self) -> float:
        """Seconds the GPU was held: what a job costs."""
        return self.encode_s + self.denoise_s + self.decode_s


@dataclass(frozen=True, kw_only=True)
class GenerationResult:
    """The delivered pictures of a job, in order of index, and how they were made.

    `notes` are what the worker says was not done just as it was asked, each by its code.
    """

    images: tuple[ImageRef, ...]
    timings: Timings = field(default_factory=Timings)
    notes: tuple[str, ...] = ()
    recipe: Recipe | None = None
    reproduction: Reproduction | None = None

    def without(self, index: int) -> "GenerationResult":
        """Return it without one picture, wherever that is seen: also beside the others."""
        left = tuple(image.alone() for image in self.images if image.index != index)
        return self if len(left) == len(self.images) else replace(self, images=left)
