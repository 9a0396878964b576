"""What a worker tells of a job that it has drawn."""

import json
from dataclasses import replace
from typing import Final

from pydantic import TypeAdapter

from backend.contracts import (
    ImageVariant,
    Recipe,
    RenderedImage,
    RenderJob,
    Reproduction,
    StageTimings,
)
from gpu_worker.release.papers import Papers, papers_of
from gpu_worker.release.parameters import PARAMETERS_NAME, parameters_text
from gpu_worker.release.pipeline import StoredImage
from gpu_worker.render.drawing import Drawing
from gpu_worker.render.exact import compare
from gpu_worker.render.pixel_digest import hash_pixels
from safety.provenance.c2pa import Ingredient

# The name under which a picture's file says how it was made.
RECIPE_NAME: Final = "impasto_recipe"
_RECIPE: Final = TypeAdapter(Recipe)


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
        registry_id=image.registry_id,
        fingerprint=image.fingerprint.hex,
        fingerprint_quality=image.fingerprint.quality,
        digests={ImageVariant(variant): one for variant, one in kept.digests.items()},
        is_spoiler=image.is_spoiler,
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


def recipe_of(drawing: Drawing) -> Recipe | None:
    """Return how pictures were made and what they came to, as drawn; None if nobody noted it."""
    if drawing.recipe is None:
        return None
    digests = tuple(hash_pixels(picture) for picture in drawing.pictures)
    return replace(drawing.recipe, pixels_sha256=digests)


def reproduction_of(job: RenderJob, ours: Recipe | None) -> Reproduction | None:
    """Return what came of drawing by a recipe, for a job that was to."""
    return compare(job.recipe, ours) if job.recipe and ours else None


def papers_for(
    job: RenderJob, drawing: Drawing, recipe: Recipe | None, ingredient: Ingredient | None
) -> Papers:
    """Return what travels with the pictures of a job.

    Where their asker wants it so, their files say how they were made, in our words and in those
    that other programs read.
    """
    count = len(drawing.pictures)
    papers = papers_of(job, recipe, count=count, ingredient=ingredient)
    if recipe is None or not job.writes_parameters:
        return papers
    made = _RECIPE.dump_python(recipe, mode="json")
    texts = tuple(parameters_text(recipe, seed=job.seed_of(index)) for index in range(count))
    return replace(
        papers,
        comments=texts,
        metadata=tuple(
            {
                RECIPE_NAME: json.dumps(
                    {"index": index, "seed": job.seed_of(index), "recipe": made}
                ),
                PARAMETERS_NAME: text,
            }
            for index, text in enumerate(texts)
        ),
    )
