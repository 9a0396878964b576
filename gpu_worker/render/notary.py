"""Writes down how a job is drawn, once every choice that was left to the model is made."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Final

from backend.contracts import (
    DrawnBy,
    PromptPart,
    Recipe,
    RecipeFile,
    RecipePart,
    RecipePicture,
    RecipeTerm,
    RenderJob,
)
from backend.contracts import Sampler as SamplerName
from gpu_worker.family import Family
from gpu_worker.render.canvas import Canvas
from gpu_worker.render.drawing import DrawOrder
from gpu_worker.render.exact import must_be_made_of_the_same
from gpu_worker.render.pixel_digest import hash_pixels

# What a job may ask for beside words and numbers.
_FURTHER: Final = {"manner", "mask", "outpaint", "upscale", "image_prompts", "is_tiled", "controls"}


class Notary:
    """Notes of every job how it is drawn; `name_files` names the weights beside the model.

    A job that is to be drawn by a recipe is held against it.
    """

    def __init__(
        self,
        *,
        family: Family,
        drawn_by: DrawnBy,
        name_files: Callable[[RenderJob], Sequence[RecipeFile]] = lambda _job: (),
    ) -> None:
        self._family = family
        self._drawn_by = drawn_by
        self._name_files = name_files

    def note(self, order: DrawOrder, canvas: Canvas) -> Recipe:
        """Return how a job is drawn; what its pictures come to is not known yet.

        Raises:
            RecipeMismatch: it is to be drawn by a recipe of other weights or pictures.

        """
        job, family, defaults = order.job, self._family, self._family.defaults
        sampler = job.sampler or defaults.sampler
        recipe = Recipe(
            family=family.name,
            prompt=job.prompt,
            negative_prompt=job.negative_prompt,
            parts=_parts(job.parts),
            negative_parts=_parts(job.negative_parts),
            aspect_ratio=f"{job.aspect_width}:{job.aspect_height}",
            width=canvas.width,
            height=canvas.height,
            steps=defaults.steps if job.steps is None else job.steps,
            guidance=defaults.guidance if job.guidance is None else job.guidance,
            sampler=sampler,
            sampler_sha256=_hash_schedule(sampler, family.scheduler_config),
            seed=job.seed,
            image_count=job.image_count,
            further=_further(job),
            pictures=tuple(_pictures(order)),
            files=tuple(self._name_files(job)),
            drawn_by=self._drawn_by,
        )
        if job.recipe is not None:
            must_be_made_of_the_same(job.recipe, recipe)
        return recipe


def _further(job: RenderJob) -> dict[str, object]:
    """Return what else is not as usual, as JSON; keys of stored pictures name nothing for long."""
    said = job.model_dump(mode="json", include=_FURTHER, exclude_defaults=True)
    further = {name: _without_keys(value) for name, value in said.items()}
    return {name: value for name, value in further.items() if value}


def _without_keys(value: object) -> object:
    match value:
        case dict():
            return {name: _without_keys(one) for name, one in value.items() if name != "key"}
        case list():
            return [_without_keys(one) for one in value]
        case _:
            return value


def _pictures(order: DrawOrder) -> Iterator[RecipePicture]:
    job = order.job
    if order.source is not None and job.source is not None:
        digest = hash_pixels(order.source)
        yield RecipePicture(role="source", sha256=digest, strength=job.source.strength)
    if order.mask is not None:
        yield RecipePicture(role="mask", sha256=hash_pixels(order.mask))
    for use, picture in zip(job.image_prompts, order.image_prompts, strict=True):
        digest = hash_pixels(picture)
        role = "style_prompt" if use.is_style else "image_prompt"
        yield RecipePicture(role=role, sha256=digest, strength=use.scale)
    for control, picture in zip(job.controls, order.controls, strict=True):
        digest = hash_pixels(picture)
        yield RecipePicture(role="control", sha256=digest, strength=control.scale)


def _parts(parts: Sequence[PromptPart]) -> tuple[RecipePart, ...]:
    return tuple(
        RecipePart(
            terms=tuple(RecipeTerm(text=term.text, weight=term.weight) for term in part.terms),
            weight=part.weight,
        )
        for part in parts
    )


def _hash_schedule(sampler: SamplerName, config: Mapping[str, object]) -> str:
    """Return the digest of a sampler's name and of the model's schedule it is made from."""
    # The library writes its own version and class beside the settings.
    settings = {name: value for name, value in config.items() if not name.startswith("_")}
    said = json.dumps([sampler, settings], sort_keys=True, default=str)
    return hashlib.sha256(said.encode()).hexdigest()
