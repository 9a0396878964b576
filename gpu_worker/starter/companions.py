"""What the companions of the small SDXL have in common: their base, and galleries of their own."""

import json
from collections.abc import Callable
from pathlib import Path
from random import Random
from string import Template

import numpy
import torch
from diffusers import AutoencoderKL

from gpu_worker.starter import data
from gpu_worker.starter.autoencoder import SCALING_FACTOR, encode_mean
from gpu_worker.starter.checkpoints import load_checkpoint
from gpu_worker.starter.gallery import Gallery, load_gallery, write_gallery
from gpu_worker.starter.scenes import Scene
from gpu_worker.starter.sdxl import SdxlStudent
from gpu_worker.starter.train_autoencoder import to_pixels

_BATCH = 64
_CARDS = Path(__file__).with_name("cards")

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
    if path.exists():
        return load_gallery(path)
    autoencoder.to(device, memory_format=torch.channels_last).eval()
    scenes: list[Scene] = []
    latents: list[torch.Tensor] = []
    while len(scenes) < count:
        random = Random(f"{seed} {path.stem} {len(scenes)}")  # noqa: S311 repeatable on purpose
        some = [paint_one(random) for _ in range(min(_BATCH, count - len(scenes)))]
        pixels = to_pixels([picture for _, picture, _ in some])
        with torch.no_grad(), torch.autocast(device, torch.bfloat16):
            encoded = encode_mean(autoencoder, pixels.to(device, memory_format=torch.channels_last))
        layers = [(encoded.float() * SCALING_FACTOR).half().cpu()]
        edges = [edge for _, _, edge in some if edge is not None]
        if edges:
            layers.append(fold_edges(torch.from_numpy(numpy.stack(edges))))
        latents.append(torch.cat(layers, dim=1))
        scenes.extend(scene for scene, _, _ in some)
    gallery = Gallery(scenes=scenes, latents=torch.cat(latents))
    write_gallery(path, gallery)
    return gallery


def fold_edges(edges: torch.Tensor) -> torch.Tensor:
    """Turn edges [B, 128, 128] of 8 bits into cells [B, 64, 16, 16] in 0..1."""
    return torch.nn.functional.pixel_unshuffle(edges[:, None].float() / 255, 8).half()


def unfold_edges(cells: torch.Tensor) -> torch.Tensor:
    """Turn cells back into the picture that a ControlNet is given: [B, 3, 128, 128] in 0..1."""
    return torch.nn.functional.pixel_shuffle(cells, 8).expand(-1, 3, -1, -1)


def write_card(folder: Path, name: str, *, run_folder: Path, **facts: object) -> Path:
    """Write a companion's model card, with what the log of its training says; return the folder."""
    shared = Template((_CARDS / "shared.txt").read_text()).substitute(
        package=data.PACKAGE, version=data.VERSION
    )
    reports = (run_folder / f"{name}.jsonl").read_text().splitlines()
    seen = json.loads(reports[-1])
    card = Template((_CARDS / f"{name}.txt").read_text()).substitute(
        shared=shared.rstrip(), steps=seen["step"], pictures=round(seen["pictures"]), **facts
    )
    (folder / "README.md").write_text(card)
    return folder
