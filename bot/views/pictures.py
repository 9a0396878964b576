"""A job's pictures as Discord uploads, best first: the first that Discord accepts is taken.

They are the files that the worker signed, byte for byte; nothing is made smaller here.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from io import BytesIO

import discord

from backend.domain.errors import ImageNotFound
from backend.domain.jobs import Job
from backend.domain.results import ImageRef, ImageVariant
from backend.service.alt_text import alt_text, grid_alt_text
from backend.service.generations import Generations
from bot.presenters.results import links_text

DEFAULT_LIMIT_BYTES = discord.utils.DEFAULT_FILE_SIZE_LIMIT_BYTES
_TOO_LARGE_STATUS, _TOO_LARGE_CODE = 413, 40005
_SINGLE = (ImageVariant.ORIGINAL, ImageVariant.WEBP, ImageVariant.AVIF)
_GRID = (ImageVariant.GRID, ImageVariant.GRID_SMALL)


@dataclass(frozen=True, kw_only=True)
class Upload:
    """One way to show pictures: a file, or in its place a `note` to add to the text.

    Discord hides one that `is_spoiler` until it is pressed.
    """

    data: bytes | None = None
    filename: str = ""
    description: str = ""
    note: str = ""
    is_spoiler: bool = False

    def files(self) -> list[discord.File]:
        """Return a fresh file for one attempt to send; Discord's library uses each file up."""
        if self.data is None:
            return []
        return [
            discord.File(
                BytesIO(self.data),
                filename=self.filename,
                description=self.description,
                spoiler=self.is_spoiler,
            )
        ]


def preview_upload(job: Job, preview: bytes) -> Upload:
    """Return a preview as an upload; one without bytes is none, and takes the last away."""
    name = f"impasto-{job.id}-preview.webp"
    return Upload(data=preview or None, filename=name, description=grid_alt_text(job))


async def picture_uploads(
    generations: Generations, job: Job, image: ImageRef, *, limit_bytes: int
) -> AsyncIterator[Upload]:
    """Yield one picture in each file that fits, the original first, then as a link."""
    name, described = f"impasto-{job.id}-{image.index + 1}", alt_text(job, image)
    async for data, extension in _files(generations, image, _SINGLE, limit_bytes=limit_bytes):
        yield Upload(
            data=data,
            filename=f"{name}.{extension}",
            description=described,
            is_spoiler=image.is_spoiler,
        )
    yield await _links(generations, [image])


async def grid_uploads(
    generations: Generations, job: Job, *, limit_bytes: int
) -> AsyncIterator[Upload]:
    """Yield a job's pictures as one grid, a smaller one, links; a single one as it is."""
    images = job.images
    if len(images) == 1:
        async for upload in picture_uploads(generations, job, images[0], limit_bytes=limit_bytes):
            yield upload
        return
    name, described = f"impasto-{job.id}", grid_alt_text(job)
    is_spoiler = any(image.is_spoiler for image in images)
    async for data, extension in _files(generations, images[0], _GRID, limit_bytes=limit_bytes):
        yield Upload(
            data=data,
            filename=f"{name}.{extension}",
            description=described,
            is_spoiler=is_spoiler,
        )
    yield await _links(generations, list(images))


def is_too_large(error: discord.HTTPException) -> bool:
    """Say whether Discord refused an upload for its size."""
    return error.status == _TOO_LARGE_STATUS or error.code == _TOO_LARGE_CODE


async def _files(
    generations: Generations,
    image: ImageRef,
    variants: Sequence[ImageVariant],
    *,
    limit_bytes: int,
) -> AsyncIterator[tuple[bytes, str]]:
    """Yield a picture's files that are there and fit, each with its extension."""
    for variant in variants:
        try:
            data = await generations.read_image(image, variant)
        except (ImageNotFound, KeyError):
            continue
        if len(data) <= limit_bytes:
            yield data, image.keys[variant].rpartition(".")[2]


async def _links(generations: Generations, images: list[ImageRef]) -> Upload:
    return Upload(note=links_text([await generations.link(image) for image in images]))
