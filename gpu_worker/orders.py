"""Reads the pictures that a job is given."""

from PIL import Image

from backend.contracts import RenderJob
from gpu_worker.render.drawing import DrawOrder
from gpu_worker.state import SourceMissing, StorageUnavailable
from safety.provenance.c2pa import Ingredient
from storage import errors as storage_errors
from storage.formats import content_type, decode, sniff
from storage.image_store import ImageStore


def read_order(job: RenderJob, images: ImageStore) -> DrawOrder:
    """Read all pictures a job is given.

    Raises:
        StorageUnavailable, SourceMissing: one cannot be read, or is gone.

    """
    return DrawOrder(
        job=job,
        source=None if job.source is None else _read(images, job.source.key),
        mask=None if job.mask is None or job.mask.key is None else _read(images, job.mask.key),
        image_prompts=tuple(_read(images, one.key) for one in job.image_prompts),
        controls=tuple(_read(images, one.key) for one in job.controls),
    )


def read_ingredient(job: RenderJob, images: ImageStore) -> Ingredient | None:
    """Return the file that a job's pictures are drawn from or over, with the manifest it has.

    Raises:
        StorageUnavailable, SourceMissing: it cannot be read, or is gone.

    """
    if job.source is None:
        return None
    data = _bytes(images, job.source.key)
    return Ingredient(data=data, media_type=content_type(sniff(data)))


def _read(images: ImageStore, key: str) -> Image.Image:
    try:
        return decode(_bytes(images, key))
    except storage_errors.InvalidImage as error:
        raise SourceMissing("A picture given to the job is no longer there.") from error


def _bytes(images: ImageStore, key: str) -> bytes:
    try:
        return images.read(key)
    except storage_errors.StorageUnavailable as error:
        raise StorageUnavailable("A picture given to the job could not be read.") from error
    except storage_errors.StorageError as error:
        raise SourceMissing("A picture given to the job is no longer there.") from error
