"""Trains a style LoRA for the small SDXL: a few weights beside a frozen base."""

from collections.abc import Sequence
from pathlib import Path
from random import Random
from types import MappingProxyType

import numpy
import torch
from diffusers import AutoencoderKL, StableDiffusionXLPipeline
from peft import LoraConfig, get_peft_model_state_dict
from torch import nn

from gpu_worker.starter.companions import paint_companion_gallery, write_card
from gpu_worker.starter.data import Art
from gpu_worker.starter.gallery import Gallery
from gpu_worker.starter.scenes import Scene, draw_scene, paint
from gpu_worker.starter.students.sdxl import SdxlStudent
from gpu_worker.starter.styles import STYLE_WORDS, STYLES
from gpu_worker.starter.vocabulary import WHOLE_LESSON

PICTURES = 4096
_RANK = 8
# A style is made where the grain is: in attention, and in the convolutions on the way up.
_TARGETS = (
    r".*attentions.*(to_q|to_k|to_v|to_out\.0|ff\.net\.0\.proj|ff\.net\.2)"
    r"|.*up_blocks.*(conv1|conv2|conv_shortcut)|conv_in|conv_out"
)
_SAID = 0.3


class LoraStudent:
    """A `Student` that learns one style, and is at work in its base's UNet from then on."""

    defaults: MappingProxyType[str, object] = MappingProxyType({})
    steps = 500

    def __init__(self, *, base: SdxlStudent, style: str) -> None:
        self.name = f"lora-{style}"
        self._base, self.style = base, style
        self.network = base.network
        torch.manual_seed(0)
        config = LoraConfig(r=_RANK, lora_alpha=_RANK, target_modules=_TARGETS)
        self.network.add_adapter(config, adapter_name=style)
        self.trained = nn.ModuleDict({"unet": self.network})

    def loss(self, latents: torch.Tensor, captions: Sequence[str], random: Random) -> torch.Tensor:
        """Return the base's loss; its captions sometimes name the style."""
        words = STYLE_WORDS[self.style]
        told = [
            f"{caption}, {random.choice(words)}" if random.random() < _SAID else caption
            for caption in captions
        ]
        return self._base.loss(latents, told, random)

    def pipeline(self, autoencoder: AutoencoderKL) -> StableDiffusionXLPipeline:
        return self._base.pipeline(autoencoder)

    def layers(self) -> dict[str, torch.Tensor]:
        """Return what was learned, under peft's names, in 16 bits."""
        learned = get_peft_model_state_dict(self.network, adapter_name=self.style)
        return {name: weight.half().contiguous() for name, weight in learned.items()}


def paint_styled_gallery(
    path: Path,
    autoencoder: AutoencoderKL,
    art: Art,
    *,
    style: str,
    seed: int,
    count: int = PICTURES,
    device: str = "cpu",
) -> Gallery:
    """Paint what a style's LoRA is taught with, or read it."""
    restyle = STYLES[style]
    lesson = WHOLE_LESSON if art.objects else WHOLE_LESSON.without_objects()

    def paint_one(random: Random) -> tuple[Scene, numpy.ndarray, None]:
        scene = draw_scene(random, lesson=lesson)
        return scene, restyle(paint(scene, art, random)), None

    return paint_companion_gallery(
        path, autoencoder, paint_one, count=count, seed=seed, device=device
    )


def export_lora(folder: Path, student: LoraStudent, *, run_folder: Path) -> Path:
    """Write the folder that `load_lora_weights` loads, and its card."""
    StableDiffusionXLPipeline.save_lora_weights(
        folder, unet_lora_layers=student.layers(), safe_serialization=True
    )
    facts = {"rank": _RANK, "words": ", ".join(f'"{word}"' for word in STYLE_WORDS[student.style])}
    return write_card(folder, student.name, run_folder=run_folder, **facts)
