"""Keeps a training run where it can be taken up again: whole files, never half of one."""

import json
import time
from pathlib import Path
from typing import Any

import torch


def save_checkpoint(path: Path, state: dict[str, object]) -> None:
    """Write a checkpoint in one move."""
    draft = path.with_suffix(".part")
    torch.save(state, draft)
    draft.replace(path)


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Read a checkpoint of ours; nothing in it is executed."""
    state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    return state


class LossLog:
    """A line of JSON per report: step, losses, samples and seconds."""

    def __init__(self, *, path: Path) -> None:
        self._path = path
        self._started_s = time.monotonic()

    def write(self, step: int, **facts: float) -> None:
        seconds = round(time.monotonic() - self._started_s, 1)
        rounded = {name: round(value, 5) for name, value in facts.items()}
        with self._path.open("a") as file:
            file.write(json.dumps({"step": step, "seconds": seconds, **rounded}) + "\n")
