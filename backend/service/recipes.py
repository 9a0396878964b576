"""How a job's pictures were made, and asking for the very same ones again."""

from dataclasses import dataclass, replace
from typing import Final, Literal

from pydantic import TypeAdapter

from backend.domain.errors import JobNotDelivered, RecipeIncomplete, RecipeNotFound
from backend.domain.jobs import Job
from backend.domain.prompts import LoraRef
from backend.domain.recipes import Recipe
from backend.domain.requests import GenerationRequest, JobId, Requester
from backend.prompt.write import write


@dataclass(frozen=True, kw_only=True)
class RecipeDocument:
    """How a job's pictures were made, as a file; `text` asks for the same, parameters and all."""

    kind: Literal["impasto_recipe"] = "impasto_recipe"
    version: Literal[1] = 1
    request_id: JobId
    text: str
    recipe: Recipe


DOCUMENT: Final[TypeAdapter[RecipeDocument]] = TypeAdapter(RecipeDocument)


def document_of(job: Job) -> RecipeDocument:
    """Return how a delivered job's pictures were made.

    Raises:
        JobNotDelivered: it has no pictures yet.
        RecipeNotFound: whoever drew them did not say.

    """
    recipe = _recipe_of(job)
    return RecipeDocument(request_id=job.id, text=_text_of(job), recipe=recipe)


def request_again(
    job: Job, requester: Requester, *, idempotency_key: str | None = None
) -> GenerationRequest:
    """Return the request for the very pictures of a delivered job that the requester may touch.

    Raises:
        JobNotDelivered, RecipeNotFound: as `document_of` does.

    """
    recipe = _recipe_of(job)
    return replace(
        job.request,
        requester=requester,
        idempotency_key=idempotency_key,
        place=None,
        prompt=_text_of(job, is_shown=False),
        negative_prompt="",
        family=recipe.family,
        tier=job.spec.tier,
        aspect_ratio=job.spec.aspect_ratio,
        is_tiled=job.spec.is_tiled,
        loras=job.spec.loras,
        steps=recipe.steps,
        guidance=recipe.guidance,
        sampler=recipe.sampler,
        seed=job.seed,
        image_count=job.spec.image_count,
        recipe=recipe,
        is_as_written=True,
    )


def request_by(
    document: RecipeDocument, requester: Requester, *, idempotency_key: str | None = None
) -> GenerationRequest:
    """Return the request for pictures of which only the recipe is at hand.

    Raises:
        RecipeIncomplete: they began with a picture, which is not in it.

    """
    recipe = document.recipe
    if recipe.pictures:
        raise RecipeIncomplete
    return GenerationRequest(
        requester=requester,
        prompt=document.text,
        family=recipe.family,
        steps=recipe.steps,
        guidance=recipe.guidance,
        sampler=recipe.sampler,
        seed=recipe.seed,
        image_count=recipe.image_count,
        is_tiled=bool(recipe.further.get("is_tiled")),
        loras=tuple(
            LoraRef(name=file.name, scale=file.scale)
            for file in recipe.files
            if file.role == "lora"
        ),
        recipe=recipe,
        is_as_written=True,
        idempotency_key=idempotency_key,
    )


def _text_of(job: Job, *, is_shown: bool = True) -> str:
    """Return the text that asks for what a job drew; what is not shown names no pictures again."""
    spec = replace(job.spec, seed=job.seed)
    return write(spec if is_shown else replace(spec, pictures=()))


def _recipe_of(job: Job) -> Recipe:
    if job.result is None:
        raise JobNotDelivered
    if job.result.recipe is None:
        raise RecipeNotFound
    return job.result.recipe
