"""Trains the edge ControlNet: figures lie where only their edges tell, and the base is frozen."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from random import Random
from types import MappingProxyType
from typing import Any

import numpy
import torch
from diffusers import (
    AutoencoderKL,
    ControlNetModel,
    StableDiffusionXLControlNetPipeline,
    UNet2DConditionModel,
)
from PIL import Image
from torch import nn

from gpu_worker.starter.companions import paint_companion_gallery, unfold_edges, write_card
from gpu_worker.starter.data import Art
from gpu_worker.starter.edges import find_edges
from gpu_worker.starter.gallery import Gallery
from gpu_worker.starter.scenes import SIDE, Scene, draw_scene, paint
from gpu_worker.starter.students.sdxl import SdxlStudent
from gpu_worker.starter.vocabulary import WHOLE_LESSON

PICTURES = 8192
# One stage for each halving from 128 pixels to 16 cells, and one more.
_STAGES = (16, 32, 64, 96)
_SMALLEST, _TURN = 0.5, 25.0
_TORN = 0.15
_UNSAID = 0.2


class ControlnetStudent:
    """A `Student` that learns to steer a frozen model."""

    name = "controlnet-edges"
    defaults: MappingProxyType[str, object] = MappingProxyType({})
    steps = 3200

    def __init__(self, *, base: SdxlStudent) -> None:
        self._base = base
        torch.manual_seed(0)
        self.network = _build(base.network)
        self.steered = SteeredUnet(unet=base.network, controlnet=self.network)
        self.trained = nn.ModuleDict({"controlnet": self.network})

    def loss(self, latents: torch.Tensor, captions: Sequence[str], random: Random) -> torch.Tensor:
        """Return the base's loss when it is shown the edges that lie behind the latents."""
        self.steered.edges = unfold_edges(latents[:, 4:])
        # Often nothing is said, so that the edges are all there is to go by.
        told = ["" if random.random() < _UNSAID else caption for caption in captions]
        return self._base.loss_through(self.steered, latents[:, :4], told, random)

    def pipeline(self, autoencoder: AutoencoderKL) -> StableDiffusionXLControlNetPipeline:
        parts = self._base.pipeline(autoencoder)
        return StableDiffusionXLControlNetPipeline(
            **parts.components,
            controlnet=self.network,
            force_zeros_for_empty_prompt=False,
            add_watermarker=False,
        )


class SteeredUnet(nn.Module):
    """A UNet that a ControlNet tells where to draw, called as a UNet is."""

    def __init__(self, *, unet: UNet2DConditionModel, controlnet: ControlNetModel) -> None:
        super().__init__()
        self._unet, self._controlnet = unet, controlnet
        self.edges = torch.empty(0)

    def forward(self, noisy: torch.Tensor, times: torch.Tensor, **told: Any) -> Any:  # noqa: ANN401 as diffusers has it
        down, middle = self._controlnet(
            noisy, times, controlnet_cond=self.edges, return_dict=False, **told
        )
        return self._unet(
            noisy,
            times,
            down_block_additional_residuals=down,
            mid_block_additional_residual=middle,
            **told,
        )


def _build(unet: UNet2DConditionModel) -> ControlNetModel:
    controlnet = ControlNetModel.from_unet(unet, conditioning_embedding_out_channels=_STAGES)
    # The ways out begin as nothing. Were the way in nothing too, the edges would come in late.
    nn.init.normal_(controlnet.controlnet_cond_embedding.conv_out.weight, std=0.02)
    controlnet.requires_grad_(requires_grad=True)
    return controlnet.to(memory_format=torch.channels_last)


def paint_moved_gallery(
    path: Path,
    autoencoder: AutoencoderKL,
    art: Art,
    *,
    seed: int,
    count: int = PICTURES,
    device: str = "cpu",
) -> Gallery:
    """Paint what the ControlNet is taught with, or read it."""

    def paint_one(random: Random) -> tuple[Scene, numpy.ndarray, numpy.ndarray]:
        scene, picture = paint_moved(art, random)
        return scene, picture, tear(find_edges(picture), random)

    return paint_companion_gallery(
        path, autoencoder, paint_one, count=count, seed=seed, device=device
    )


def paint_moved(art: Art, random: Random) -> tuple[Scene, numpy.ndarray]:
    """Paint a scene moved, scaled, turned and mirrored, as no caption says."""
    lesson = WHOLE_LESSON if art.objects else WHOLE_LESSON.without_objects()
    scene = dataclasses.replace(draw_scene(random, lesson=lesson), place=None)
    picture = paint(scene, art, random, side=2 * SIDE)
    is_single = len(scene.figures) == 1
    size = random.uniform(_SMALLEST if is_single else 0.8, 1.0)
    slack = SIDE * (1.05 - size)
    moved = Image.fromarray(picture).transform(
        (2 * SIDE, 2 * SIDE),
        Image.Transform.AFFINE,
        _affine(
            size=size,
            turn=random.uniform(-_TURN, _TURN),
            shift=(random.uniform(-slack, slack), random.uniform(-slack, slack)),
            # The words for a pair say which is on the left.
            is_mirrored=is_single and random.random() < 0.5,
        ),
        Image.Resampling.BICUBIC,
        fillcolor=tuple(int(value) for value in picture[0, 0]),
    )
    return scene, numpy.asarray(moved.resize((SIDE, SIDE), Image.Resampling.BOX))


def _affine(
    *, size: float, turn: float, shift: tuple[float, float], is_mirrored: bool
) -> tuple[float, ...]:
    """Return where each point of the moved picture comes from, about the middle."""
    angle = numpy.radians(turn)
    cosine, sine = float(numpy.cos(angle)) / size, float(numpy.sin(angle)) / size
    mirror = -1.0 if is_mirrored else 1.0
    across, down = SIDE + shift[0], SIDE + shift[1]
    return (
        mirror * cosine,
        mirror * sine,
        SIDE - mirror * (cosine * across + sine * down),
        -sine,
        cosine,
        SIDE + sine * across - cosine * down,
    )


def tear(edges: numpy.ndarray, random: Random) -> numpy.ndarray:
    """Now and then wipe out a part: nobody's drawing is complete."""
    if random.random() >= _TORN:
        return edges
    left, top = random.randrange(SIDE), random.randrange(SIDE)
    torn = edges.copy()
    torn[top : top + SIDE // 3, left : left + SIDE // 3] = 0
    return torn


def export_controlnet(folder: Path, student: ControlnetStudent, *, run_folder: Path) -> Path:
    """Write the folder that `ControlNetModel.from_pretrained` loads, in 16 bits, and its card."""
    student.network.half().save_pretrained(folder, safe_serialization=True)
    student.network.float()
    return write_card(folder, student.name, run_folder=run_folder)
