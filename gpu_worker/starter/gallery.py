"""Paints scenes once and keeps them as latents: training then pays for the network alone."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import numpy
import torch
from diffusers import AutoencoderKL

from gpu_worker.starter.autoencoder import SCALING_FACTOR, encode_mean
from gpu_worker.starter.data import Art
from gpu_worker.starter.scenes import Figure, Scene, draw_scene, paint
from gpu_worker.starter.train_autoencoder import to_pixels
from gpu_worker.starter.vocabulary import OBJECTS, SHAPES, Lesson

_BATCH = 64
_THINGS = {thing.name: thing for thing in (*SHAPES, *OBJECTS)}


# Scenes, their pictures [side, side, RGB], and what lies behind the latents, [B, n, 16, 16].
Painted = tuple[list[Scene], list[numpy.ndarray], torch.Tensor | None]
PaintSome = Callable[[Random, int], Painted]


@dataclass(frozen=True, kw_only=True)
class Gallery:
    """Scenes, and their pictures as the network sees them."""

    scenes: Sequence[Scene]
    latents: torch.Tensor  # [scenes, 4, 16, 16], scaled, float16

    def hang(self, random: Random, count: int) -> tuple[list[Scene], torch.Tensor]:
        """Choose scenes to train on; the latents come back as float32."""
        chosen = [random.randrange(len(self.scenes)) for _ in range(count)]
        return [self.scenes[index] for index in chosen], self.latents[chosen].float()


def paint_gallery(
    path: Path,
    autoencoder: AutoencoderKL,
    art: Art,
    *,
    lesson: Lesson,
    count: int,
    seed: int,
    device: str = "cpu",
) -> Gallery:
    """Paint a lesson's scenes and write them; if they were written before, read them."""
    taught = lesson if art.objects else lesson.without_objects()

    def paint_some(random: Random, some: int) -> Painted:
        scenes = [draw_scene(random, lesson=taught) for _ in range(some)]
        return scenes, [paint(scene, art, random) for scene in scenes], None

    return paint_through(
        path, autoencoder, paint_some, count=count, seed=f"{seed} gallery", device=device
    )


def paint_through(
    path: Path,
    autoencoder: AutoencoderKL,
    paint_some: PaintSome,
    *,
    count: int,
    seed: str,
    device: str,
) -> Gallery:
    """Paint, encode and write a gallery, batch by batch; if it was written before, read it."""
    if path.exists():
        return load_gallery(path)
    autoencoder.to(device, memory_format=torch.channels_last).eval()
    scenes: list[Scene] = []
    latents: list[torch.Tensor] = []
    while len(scenes) < count:
        random = Random(f"{seed} {len(scenes)}")  # noqa: S311 repeatable on purpose
        some, pictures, beside = paint_some(random, min(_BATCH, count - len(scenes)))
        pixels = to_pixels(pictures).to(device, memory_format=torch.channels_last)
        with torch.no_grad(), torch.autocast(device, torch.bfloat16):
            encoded = encode_mean(autoencoder, pixels)
        layers = (encoded.float() * SCALING_FACTOR).half().cpu()
        latents.append(layers if beside is None else torch.cat([layers, beside], dim=1))
        scenes.extend(some)
    gallery = Gallery(scenes=scenes, latents=torch.cat(latents))
    _write(path, gallery)
    return gallery


def load_gallery(path: Path) -> Gallery:
    """Read what `paint_through` wrote."""
    with numpy.load(path) as stored:
        scenes = [_scene(facts) for facts in json.loads(stored["scenes"].tobytes())]
        return Gallery(scenes=scenes, latents=torch.from_numpy(stored["latents"]))


def _write(path: Path, gallery: Gallery) -> None:
    """Write scenes and latents in one move."""
    facts = json.dumps([_facts(scene) for scene in gallery.scenes]).encode()
    draft = path.with_suffix(".part.npz")
    numpy.savez(
        draft,
        scenes=numpy.frombuffer(facts, dtype=numpy.uint8),
        latents=gallery.latents.numpy(),
    )
    draft.replace(path)


def _facts(scene: Scene) -> list[Any]:
    figures = [[figure.thing.name, figure.colour] for figure in scene.figures]
    return [figures, scene.background, scene.place]


def _scene(facts: list[Any]) -> Scene:
    figures, background, place = facts
    return Scene(
        figures=tuple(Figure(thing=_THINGS[name], colour=colour) for name, colour in figures),
        background=background,
        place=place,
    )
