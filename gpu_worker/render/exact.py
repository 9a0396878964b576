"""Holds how pictures are made against a recipe: refuses other weights, tells what else differs.

Knows no torch.
"""

from collections.abc import Iterator

from backend.contracts import Recipe, Reproduction
from gpu_worker.state import RecipeMismatch

_ASKED = (
    "family",
    "prompt",
    "negative_prompt",
    "parts",
    "negative_parts",
    "width",
    "height",
    "steps",
    "guidance",
    "sampler",
    "seed",
    "image_count",
    "further",
)
_DRAWN_BY = ("device", "dtype", "threads", "quantise", "engine")


def must_be_made_of_the_same(wanted: Recipe, ours: Recipe) -> None:
    """Refuse, before anything is drawn, what cannot become the same pictures.

    Raises:
        RecipeMismatch: weights, a schedule or a picture that goes in are not those of the recipe.

    """
    others = list(_other_ingredients(wanted, ours))
    if others:
        raise RecipeMismatch(f"Not the same as in the recipe: {', '.join(others)}.")


def compare(wanted: Recipe, ours: Recipe) -> Reproduction:
    """Say whether the pixels are the same, and what was not; `ours` knows its pixels."""
    is_same = bool(ours.pixels_sha256) and wanted.pixels_sha256 == ours.pixels_sha256
    return Reproduction(is_same=is_same, differs=tuple(_differences(wanted, ours)))


def _other_ingredients(wanted: Recipe, ours: Recipe) -> Iterator[str]:
    known = (wanted.drawn_by.model_sha256, ours.drawn_by.model_sha256)
    if all(known) and len(set(known)) > 1:
        yield "model"
    if wanted.sampler == ours.sampler and wanted.sampler_sha256 != ours.sampler_sha256:
        yield "schedule"
    for file in sorted(set(wanted.files) ^ set(ours.files), key=lambda one: one.name):
        yield f"{file.role} {file.name}"
    for picture in sorted(set(wanted.pictures) ^ set(ours.pictures), key=lambda one: one.role):
        yield picture.role


def _differences(wanted: Recipe, ours: Recipe) -> Iterator[str]:
    if not (wanted.drawn_by.model_sha256 and ours.drawn_by.model_sha256):
        yield "model"
    yield from (name for name in _ASKED if getattr(wanted, name) != getattr(ours, name))
    then, now = wanted.drawn_by, ours.drawn_by
    yield from (name for name in _DRAWN_BY if getattr(then, name) != getattr(now, name))
    libraries = sorted({*then.libraries, *now.libraries})
    yield from (name for name in libraries if then.libraries.get(name) != now.libraries.get(name))
    if not (wanted.is_repeatable and ours.is_repeatable):
        yield "company"
