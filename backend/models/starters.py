"""The small models that ship with the worker, found without importing it."""

import importlib.util
from collections.abc import Collection
from pathlib import Path

from backend.domain.families import ModelFamily


def starters_folder() -> Path | None:
    """Return the folder of all starter models, or None where the worker is not installed."""
    package = importlib.util.find_spec("gpu_worker")
    if package is None or package.origin is None:
        return None
    return Path(package.origin).parent / "starter" / "models"


def starter_model(family: ModelFamily) -> Path | None:
    """Return the folder of a family's starter model, or None if none ships."""
    starters = starters_folder()
    if starters is None or not (starters / family / "model_index.json").is_file():
        return None
    return starters / family


def families_to_serve(configured: Collection[ModelFamily]) -> tuple[ModelFamily, ...]:
    """Return what is served where nobody chose: what is configured, else all starter models.

    A host without the worker's packages serves SDXL: what is drawn elsewhere has to be named.
    """
    if configured:
        return tuple(family for family in ModelFamily if family in configured)
    if importlib.util.find_spec("diffusers") is None:
        return (ModelFamily.SDXL,)
    starters = tuple(family for family in ModelFamily if starter_model(family))
    return starters or (ModelFamily.SDXL,)
