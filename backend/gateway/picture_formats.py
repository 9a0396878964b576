"""In which format a picture is sent: as asked, or as an `Accept` header prefers."""

from collections.abc import Collection, Iterator
from enum import StrEnum
from typing import Final

from backend.domain.results import ImageVariant


class PictureFormat(StrEnum):
    """The formats in which a whole picture can be had."""

    PNG = "png"
    WEBP = "webp"
    JPEG = "jpeg"
    AVIF = "avif"


VARIANTS: Final = {
    PictureFormat.PNG: ImageVariant.ORIGINAL,
    PictureFormat.WEBP: ImageVariant.WEBP,
    PictureFormat.JPEG: ImageVariant.JPEG,
    PictureFormat.AVIF: ImageVariant.AVIF,
}
# Of formats that are equally welcome the smaller file.
_SMALLEST_FIRST: Final = (
    PictureFormat.AVIF,
    PictureFormat.WEBP,
    PictureFormat.JPEG,
    PictureFormat.PNG,
)
_ACCEPT_MAX_CHARACTERS: Final = 1_000


def negotiate(accept: str, there: Collection[ImageVariant]) -> ImageVariant:
    """Return the file that an `Accept` header likes best, of those that are there.

    A header that names no format of ours, or none at all, gets the original.
    """
    wishes = dict(_wishes(accept[:_ACCEPT_MAX_CHARACTERS]))
    named = [
        (wishes[f"image/{one}"], VARIANTS[one])
        for one in _SMALLEST_FIRST
        if wishes.get(f"image/{one}", 0.0) > 0 and VARIANTS[one] in there
    ]
    if not named:
        return ImageVariant.ORIGINAL
    best = max(quality for quality, _ in named)
    return next(variant for quality, variant in named if quality == best)


def _wishes(accept: str) -> Iterator[tuple[str, float]]:
    for part in accept.split(","):
        media_type, *parameters = (word.strip().lower() for word in part.split(";"))
        quality = next((word[2:] for word in parameters if word.startswith("q=")), "1")
        try:
            yield media_type, min(1.0, max(0.0, float(quality)))
        except ValueError:
            continue
