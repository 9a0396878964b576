"""What a worker tells of a job that it has drawn."""

from backend.contracts import ImageVariant, RenderedImage, RenderJob, StageTimings
from gpu_worker.release.pipeline import StoredImage
from gpu_worker.render.drawing import Drawing


def rendered(job: RenderJob, index: int, image: StoredImage) -> RenderedImage:
    """Return what is told of a stored picture of a job."""
    kept = image.kept
    return RenderedImage(
        index=index,
        seed=job.seed_of(index),
        width=kept.width,
        height=kept.height,
        sha256=kept.sha256,
        size_bytes=kept.size_bytes,
        keys={ImageVariant(variant): key for variant, key in kept.keys.items()},
    )


def timings(drawing: Drawing, *, release_s: float, total_s: float) -> StageTimings:
    """Return where a job's time went, in seconds."""
    return StageTimings(
        encode_s=drawing.encode_s,
        denoise_s=drawing.denoise_s,
        decode_s=drawing.decode_s + drawing.upscale_s,
        release_s=release_s,
        total_s=total_s,
    )
