"""Stable Diffusion 3: has its queues and its setting; its drawing code comes later."""

from typing import NoReturn

from gpu_worker.family import LoadedModel
from gpu_worker.state import FamilyNotDrawn


def open_sd3(model: LoadedModel) -> NoReturn:
    """Say that SD3 is not drawn yet."""
    raise FamilyNotDrawn(
        f"{type(model.pipeline).__name__} is configured, but this release cannot draw sd3 yet."
    )
