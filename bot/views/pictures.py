"""A job's pictures as Discord uploads, largest first: the first that Discord accepts is taken."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from io import BytesIO

import discord
import structlog

from backend.domain.errors import ImageNotFound
from backend.domain.jobs import Job
from backend.domain.results import ImageRef, ImageVariant
from backend.service.generations import Generations
from bot.presenters.grid import compose
from bot.presenters.results import caption, links_text

DEFAULT_LIMIT_BYTES = discord.utils.DEFAULT_FILE_SIZE_LIMIT_BYTES
_TOO_LARGE_STATUS, _TOO_LARGE_CODE = 413, 40005
# A refused grid is made once more, at a fraction of its size.
_GRID_ATTEMPTS, _SMALLER = 2, 4
_GONE = "The pictures are no longer stored."
_PNG = b"\x89PNG"
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class Upload:
    """One way to show pictures: a file, or in its place a `note` to add to the text."""

    data: bytes | None = None
    filename: str = ""
    description: str = ""
    note: str = ""

    def files(self) -> list[discord.File]:
        """Return a fresh file for one attempt to send; Discord's library uses each file up."""
        if self.data is None:
            return []
        return [
            discord.File(BytesIO(self.data), filename=self.filename, description=self.description)
        ]


def preview_upload(job: Job, preview: bytes) -> Upload:
    """Return a preview as an upload; one without bytes is none, and takes the last away."""
    name = f"impasto-{job.id}-preview.webp"
    return Upload(data=preview or None, filename=name, description=caption(job))


async def picture_uploads(
    generations: Generations, job: Job, image: ImageRef, *, limit_bytes: int
) -> AsyncIterator[Upload]:
    """Yield one picture as its original, then as WebP, then as a link."""
    name = f"impasto-{job.id}-{image.index + 1}"
    for variant in (ImageVariant.ORIGINAL, ImageVariant.WEBP):
        try:
            data = await generations.read_image(image, variant)
        except (ImageNotFound, KeyError):
            continue
        if len(data) <= limit_bytes:
            extension = "png" if data.startswith(_PNG) else "webp"
            yield Upload(data=data, filename=f"{name}.{extension}", description=caption(job))
    yield await _links(generations, [image])


async def grid_uploads(
    generations: Generations, job: Job, *, limit_bytes: int
) -> AsyncIterator[Upload]:
    """Yield a job's pictures as one grid, a smaller one, links; a single one as it is."""
    images = job.result.images if job.result else ()
    if len(images) == 1:
        async for upload in picture_uploads(generations, job, images[0], limit_bytes=limit_bytes):
            yield upload
        return
    try:
        tiles = [await generations.read_image(image, ImageVariant.WEBP) for image in images]
    except (ImageNotFound, KeyError):
        yield Upload(note=_GONE)
        return
    limit = limit_bytes
    for _ in range(_GRID_ATTEMPTS):
        data = await asyncio.to_thread(_composed, tiles, limit)
        if data is None:
            break
        yield Upload(data=data, filename=f"impasto-{job.id}.webp", description=caption(job))
        limit = min(limit, len(data)) // _SMALLER
    yield await _links(generations, list(images))


def is_too_large(error: discord.HTTPException) -> bool:
    """Say whether Discord refused an upload for its size."""
    return error.status == _TOO_LARGE_STATUS or error.code == _TOO_LARGE_CODE


def _composed(tiles: list[bytes], limit_bytes: int) -> bytes | None:
    """Return the grid, or None if it cannot be made small enough or a picture cannot be read."""
    try:
        return compose(tiles, limit_bytes=limit_bytes)
    except OSError:
        _log.warning("pictures.unreadable", exc_info=True)
        return None


async def _links(generations: Generations, images: list[ImageRef]) -> Upload:
    return Upload(note=links_text([await generations.link(image) for image in images]))
