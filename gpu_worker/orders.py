"""Reads the pictures that a job is given."""

from PIL import Image

from backend.contracts import RenderJob
from gpu_worker.render.drawing import DrawOrder
from gpu_worker.state import SourceMissing, StorageUnavailable
from storage import errors as storage_errors
from storage.formats import decode
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


def _read(images: ImageStore, key: str) -> Image.Image:
    try:
        return decode(images.read(key))
    except storage_errors.StorageUnavailable as error:
        raise StorageUnavailable("A picture given to the job could not be read.") from error
    except storage_errors.StorageError as error:
        raise SourceMissing("A picture given to the job is no longer there.") from error
