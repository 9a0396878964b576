"""What the companions of the small SDXL have in common: their base, and galleries of their own."""

import json
from collections.abc import Callable
from pathlib import Path
from random import Random

import numpy
import torch
from diffusers import AutoencoderKL

from gpu_worker.starter.checkpoints import load_checkpoint
from gpu_worker.starter.export import fill_card
from gpu_worker.starter.gallery import Gallery, Painted, paint_through
from gpu_worker.starter.scenes import Scene
from gpu_worker.starter.students.sdxl import SdxlStudent

# Paints one scene: the scene, its picture [128, 128, RGB], and its edges [128, 128] if need be.
PaintOne = Callable[[Random], tuple[Scene, numpy.ndarray, numpy.ndarray | None]]


def load_base(checkpoint: Path, *, folder: Path) -> SdxlStudent:
    """Return the model that a companion is for, with the averaged weights of a checkpoint, frozen.

    `folder` is where its vocabulary is written.
    """
    student = SdxlStudent(folder=folder)
    student.trained.load_state_dict(load_checkpoint(checkpoint)["average"])
    student.trained.requires_grad_(requires_grad=False).eval()
    return student


def paint_companion_gallery(
    path: Path,
    autoencoder: AutoencoderKL,
    paint_one: PaintOne,
    *,
    count: int,
    seed: int,
    device: str = "cpu",
) -> Gallery:
    """Paint scenes and write them; if they were written before, read them.

    Edges lie behind the four latent channels, folded to the same sixteen cells a side.
    """

    def paint_some(random: Random, some: int) -> Painted:
        scenes, pictures, edges = zip(*(paint_one(random) for _ in range(some)), strict=True)
        drawn = [edge for edge in edges if edge is not None]
        beside = fold_edges(torch.from_numpy(numpy.stack(drawn))) if drawn else None
        return list(scenes), list(pictures), beside

    return paint_through(
        path, autoencoder, paint_some, count=count, seed=f"{seed} {path.stem}", device=device
    )


def fold_edges(edges: torch.Tensor) -> torch.Tensor:
    """Turn edges [B, 128, 128] of 8 bits into cells [B, 64, 16, 16] in 0..1."""
    return torch.nn.functional.pixel_unshuffle(edges[:, None].float() / 255, 8).half()


def unfold_edges(cells: torch.Tensor) -> torch.Tensor:
    """Turn cells back into the picture that a ControlNet is given: [B, 3, 128, 128] in 0..1."""
    return torch.nn.functional.pixel_shuffle(cells, 8).expand(-1, 3, -1, -1)


def write_card(folder: Path, name: str, *, run_folder: Path, **facts: object) -> Path:
    """Write a companion's model card, with what the log of its training says; return the folder."""
    reports = (run_folder / f"{name}.jsonl").read_text().splitlines()
    seen = json.loads(reports[-1])
    card = fill_card(name, steps=seen["step"], pictures=round(seen["pictures"]), **facts)
    (folder / "README.md").write_text(card)
    return folder
