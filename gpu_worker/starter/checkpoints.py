"""Keeps a training run where it can be taken up again: whole files, never half of one."""

import json
import time
from pathlib import Path
from typing import Any

import torch
from torch import nn

_EMA_DECAY = 0.998


def save_checkpoint(path: Path, state: dict[str, object]) -> None:
    """Write a checkpoint in one move."""
    draft = path.with_suffix(".part")
    torch.save(state, draft)
    draft.replace(path)


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Read a checkpoint of ours; nothing in it is executed."""
    state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    return state


def take_up(path: Path, model: nn.Module, optimiser: torch.optim.Optimizer) -> int:
    """Give model and optimiser what a checkpoint holds, if there is one; return its steps."""
    if not path.exists():
        return 0
    state = load_checkpoint(path)
    model.load_state_dict(state["model"])
    optimiser.load_state_dict(state["optimiser"])
    return int(state["step"])


@torch.no_grad()
def follow(average: nn.Module, trained: nn.Module, step: int) -> None:
    """Move the averaged weights a little towards the trained ones."""
    decay = min(_EMA_DECAY, (1 + step) / (10 + step))
    # As the library's own optimisers do; a loop is ten times slower.
    torch._foreach_lerp_(list(average.parameters()), list(trained.parameters()), 1 - decay)


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
