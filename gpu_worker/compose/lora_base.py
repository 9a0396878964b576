"""Tells which base model a LoRA was made for, by the names and shapes of its tensors."""

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import assert_never

from backend.contracts import ModelFamily
from gpu_worker.compose.lora_names import Role
from gpu_worker.vram.weights import StoredTensor

_UNET = re.compile(r"down_blocks|up_blocks|mid_block|input_blocks|output_blocks|middle_block")
_FLUX = re.compile(r"double_blocks|single_blocks|single_transformer_blocks")
_SD3 = re.compile(r"joint_blocks")
_TRANSFORMER = re.compile(r"transformer[._]transformer_blocks")
_LOOKS_AT_TEXT = re.compile(r"attn2[._](processor[._])?to_[kv]$")
_LOOKS_AT_PICTURE = re.compile(r"attn[._]to_[qkv]$")

_FLUX_WIDTH = 3072
_SD3_WIDTHS = frozenset({1536, 2432})


class Base(StrEnum):
    """What LoRAs are made for."""

    SD1 = "sd1"
    SD2 = "sd2"
    SDXL = "sdxl"
    ANY_UNET = "any_unet"  # a UNet of a size that no release has: its shapes decide
    SD3 = "sd3"
    FLUX = "flux"

    @property
    def in_words(self) -> str:
        """What people call it."""
        match self:
            case Base.SD1:
                return "Stable Diffusion 1.5"
            case Base.SD2:
                return "Stable Diffusion 2"
            case Base.SDXL:
                return "SDXL"
            case Base.ANY_UNET:
                return "a model with a UNet"
            case Base.SD3:
                return "Stable Diffusion 3"
            case Base.FLUX:
                return "Flux"
            case _:
                assert_never(self)

    @property
    def families(self) -> frozenset[ModelFamily]:
        """The families whose models may be dressed with it."""
        match self:
            case Base.SD1 | Base.SD2:
                return frozenset()
            case Base.SDXL | Base.ANY_UNET:
                return frozenset({ModelFamily.SDXL})
            case Base.SD3:
                return frozenset({ModelFamily.SD3})
            case Base.FLUX:
                return frozenset({ModelFamily.FLUX})
            case _:
                assert_never(self)


_BY_TEXT_WIDTH = {768: Base.SD1, 1024: Base.SD2, 2048: Base.SDXL}


def guess_base(stems: Mapping[str, Mapping[Role, StoredTensor]]) -> Base | None:
    """Return what a LoRA with these layers was made for; None where only the shapes can tell."""
    if any(_FLUX.search(stem) for stem in stems):
        return Base.FLUX
    if any(_SD3.search(stem) for stem in stems):
        return Base.SD3
    if any(_UNET.search(stem) for stem in stems):
        return _guess_unet(stems)
    if any(_TRANSFORMER.search(stem) for stem in stems):
        return _guess_transformer(stems)
    return None


def _guess_unet(stems: Mapping[str, Mapping[Role, StoredTensor]]) -> Base:
    if any(stem.startswith(("lora_te2_", "text_encoder_2.")) for stem in stems):
        return Base.SDXL
    widths = {_inputs(roles) for stem, roles in stems.items() if _LOOKS_AT_TEXT.search(stem)}
    return next((_BY_TEXT_WIDTH[one] for one in widths if one in _BY_TEXT_WIDTH), Base.ANY_UNET)


def _guess_transformer(stems: Mapping[str, Mapping[Role, StoredTensor]]) -> Base | None:
    widths = {_inputs(roles) for stem, roles in stems.items() if _LOOKS_AT_PICTURE.search(stem)}
    if _FLUX_WIDTH in widths:
        return Base.FLUX
    return Base.SD3 if widths & _SD3_WIDTHS else None


def _inputs(roles: Mapping[Role, StoredTensor]) -> int:
    down = roles.get(Role.DOWN)
    return down.shape[1] if down is not None and len(down.shape) > 1 else 0
