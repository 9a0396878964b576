"""ApprovedImage → MarkedImage → SignedImage: watermark, encode every file, sign each one last.

What leaves are the very bytes that were signed. A picture that cannot be marked or signed does not
leave at all.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import structlog
from PIL import Image, ImageFilter

from backend.contracts import ImageVariant
from gpu_worker.release.papers import Papers
from gpu_worker.vitals import ProvenanceReading
from safety.errors import CredentialsInvalid, NotMarked
from safety.fingerprint import Fingerprint, fingerprint
from safety.provenance.c2pa import Facts, Signer, SoftBinding
from safety.provenance.watermark import Watermark
from safety.verdict import ApprovedImage
from storage.formats import (
    content_type,
    encode_avif,
    encode_jpeg,
    encode_png,
    encode_webp,
    sniff,
)
from storage.thumbnails import SIDES_PX, thumbnail

# What the reasons begin with for which nothing at all can be signed.
NO_CREDENTIALS: Final = "credentials_"

GRID_GAP_PX: Final = 4
# A blurred picture tells colours apart in about so many places across.
BLURRED_TO: Final = 12
_SMALL_GRID_PX: Final = 1024

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class MarkedImage:
    """Pixels that carry their registry id, made by `mark` from an approved picture."""

    pixels: Image.Image
    registry_id: int
    is_spoiler: bool = False


@dataclass(frozen=True, kw_only=True)
class SignedImage:
    """The files of a picture as they leave, made by `sign` from marked ones.

    `name` is the SHA-256 of the original before it was signed: a picture drawn again has the same,
    while its signatures are others.
    """

    name: str
    registry_id: int
    fingerprint: Fingerprint
    files: Mapping[ImageVariant, bytes]


class Marker:
    """Marks and signs pictures with the installation's watermark and credentials."""

    def __init__(
        self,
        *,
        watermark: Watermark,
        signer: Signer,
        version: str,
        clock: Callable[[], datetime],
    ) -> None:
        self._watermark = watermark
        self._signer = signer
        self._version = version
        self._clock = clock

    def reading(self) -> ProvenanceReading:
        """Return whether anything could be signed now, and for how long."""
        is_stamping = self._signer.is_stamping
        try:
            ends_at = self._signer.must_be_able().expires_at
        except CredentialsInvalid as error:
            trouble = f"{NO_CREDENTIALS}{error.reason}"
            return ProvenanceReading(trouble=trouble, is_stamping=is_stamping)
        return ProvenanceReading(certificate_ends_at=ends_at.timestamp(), is_stamping=is_stamping)

    def mark(self, image: ApprovedImage, registry_id: int) -> MarkedImage:
        """Hide a registry id in a picture.

        Raises:
            NotMarked: it cannot be hidden there.
            NotApproved: the picture is no longer what was judged.

        """
        judged = image.pixels
        try:
            pixels = self._watermark.embed(judged, registry_id)
        except MemoryError:
            # No fault of the mark's: there may be room for it in a moment.
            raise
        except Exception as error:
            _log.warning("watermark_failed", reason=type(error).__name__)
            raise NotMarked("watermark_failed", "the picture could not be watermarked") from error
        is_spoiler = image.verdict.is_spoiler
        return MarkedImage(pixels=pixels, registry_id=registry_id, is_spoiler=is_spoiler)

    def sign(self, images: Sequence[MarkedImage], papers: Papers) -> tuple[SignedImage, ...]:
        """Encode all files of a job's pictures and sign each; the first brings those of the grid.

        Raises:
            NotMarked: one cannot be signed.

        """
        signed = []
        for place, image in enumerate(images):
            files = encode(
                image.pixels,
                metadata=papers.metadata_of(place),
                comment=papers.comment_of(place),
                is_spoiler=image.is_spoiler,
            )
            name = hashlib.sha256(files[ImageVariant.ORIGINAL]).hexdigest()
            done = self._sign_all(files, papers, [image])
            if place == 0 and len(images) > 1:
                done |= self._sign_all(_encode_grid_of(images), papers, images)
            signed.append(
                SignedImage(
                    name=name,
                    registry_id=image.registry_id,
                    fingerprint=fingerprint(image.pixels),
                    files=done,
                )
            )
        return tuple(signed)

    def sign_preview(self, webp: bytes, papers: Papers) -> bytes:
        """Sign what shows pictures on their way; they carry no watermark yet, and no time stamp.

        Raises:
            NotMarked: it cannot be signed.

        """
        return self._sign(webp, self._facts(papers, []), is_stamped=False)

    def _sign_all(
        self,
        files: Mapping[ImageVariant, bytes],
        papers: Papers,
        images: Sequence[MarkedImage],
    ) -> dict[ImageVariant, bytes]:
        facts = self._facts(papers, images)
        return {variant: self._sign(data, facts) for variant, data in files.items()}

    def _sign(self, data: bytes, facts: Facts, *, is_stamped: bool = True) -> bytes:
        try:
            media_type = content_type(sniff(data))
            return self._signer.sign(data, media_type, facts, is_stamped=is_stamped)
        except (NotMarked, MemoryError):
            raise
        except Exception as error:
            _log.warning("signing_failed", reason=type(error).__name__)
            raise NotMarked("not_signed", "the picture could not be signed") from error

    def _facts(self, papers: Papers, images: Sequence[MarkedImage]) -> Facts:
        return Facts(
            version=self._version,
            family=papers.family,
            model=papers.model,
            model_sha256=papers.model_sha256,
            decoder=papers.decoder,
            made_at=self._clock(),
            soft_bindings=tuple(
                SoftBinding(algorithm=self._watermark.name, registry_id=image.registry_id)
                for image in images
            ),
            ingredient=papers.ingredient,
        )


def encode(
    pixels: Image.Image, *, metadata: Mapping[str, str], comment: str, is_spoiler: bool = False
) -> dict[ImageVariant, bytes]:
    """Return every file in which a picture is served, unsigned; the original keeps each pixel.

    The small ones, which show by themselves in lists, are blurred where it is a spoiler.
    """
    seen = blur(pixels) if is_spoiler else pixels
    return {
        ImageVariant.ORIGINAL: encode_png(pixels, metadata=metadata),
        ImageVariant.WEBP: encode_webp(pixels, comment=comment),
        ImageVariant.JPEG: encode_jpeg(pixels, comment=comment),
        ImageVariant.AVIF: encode_avif(pixels, comment=comment),
        **{ImageVariant(f"thumbnail_{side}"): thumbnail(seen, side) for side in SIDES_PX},
    }


def blur(picture: Image.Image) -> Image.Image:
    """Return a picture of which colours can be told and nothing else."""
    return picture.filter(ImageFilter.GaussianBlur(max(picture.size) / BLURRED_TO))


def _encode_grid_of(images: Sequence[MarkedImage]) -> dict[ImageVariant, bytes]:
    is_spoiler = any(image.is_spoiler for image in images)
    return encode_grid([image.pixels for image in images], is_spoiler=is_spoiler)


def encode_grid(
    pictures: Sequence[Image.Image], *, is_spoiler: bool = False
) -> dict[ImageVariant, bytes]:
    """Return a job's pictures as one, in two sizes, unsigned."""
    grid = lay_out(pictures, gap_px=GRID_GAP_PX)
    return {
        ImageVariant.GRID: encode_webp(grid),
        ImageVariant.GRID_SMALL: thumbnail(blur(grid) if is_spoiler else grid, _SMALL_GRID_PX),
    }


def lay_out(pictures: Sequence[Image.Image], *, gap_px: int = 0) -> Image.Image:
    """Return pictures as one, two in a row, then the next row; each in a place of equal size."""
    columns = min(2, len(pictures))
    rows = -(-len(pictures) // columns)
    width = max(picture.width for picture in pictures)
    height = max(picture.height for picture in pictures)
    size = (columns * (width + gap_px) - gap_px, rows * (height + gap_px) - gap_px)
    grid = Image.new("RGB", size, "white" if gap_px else "black")
    for place, picture in enumerate(pictures):
        row, column = divmod(place, columns)
        grid.paste(picture, (column * (width + gap_px), row * (height + gap_px)))
    return grid
