"""What a model family is to the renderer, and what a loaded model consists of."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch

from backend.contracts import ModelFamily
from backend.contracts import Sampler as SamplerName

# diffusers and transformers ship no types that mypy could follow.
DiffusersPart = Any


@dataclass(frozen=True, kw_only=True)
class ModelDefaults:
    """What a model draws with when the job leaves the choice to it."""

    steps: int = 30
    guidance: float = 7.0
    sampler: SamplerName = SamplerName.EULER_A


@dataclass(frozen=True, kw_only=True)
class LoadedModel:
    """A diffusers pipeline in memory, used for its parts; we never call it."""

    pipeline: DiffusersPart
    defaults: ModelDefaults
    device: torch.device
    dtype: torch.dtype


@dataclass(frozen=True, kw_only=True)
class Conditioning:
    """What the network is told about each row of its batch."""

    embeds: torch.Tensor  # [rows, tokens, channels]
    pooled: torch.Tensor  # [rows, channels]
    size_ids: torch.Tensor  # [rows, 6]


class Family(Protocol):
    """A model that can be drawn with, opened from a `LoadedModel`."""

    name: ModelFamily
    defaults: ModelDefaults
    device: torch.device
    dtype: torch.dtype
    native_side: int  # pixels
    side_multiple: int  # pixels
    latent_channels: int
    pixels_per_latent: int
    scheduler_config: Mapping[str, object]  # pristine: samplers copy it

    def encode_prompt(self, text: str, *, width: int, height: int) -> Conditioning:
        """Return one row for a prompt; a text too long for the encoders is cut, silently."""

    def encode_negative(self, text: str, *, width: int, height: int) -> Conditioning:
        """Return one row for what to keep away from; empty is what it was trained to drop."""

    def predict_noise(
        self, latents: torch.Tensor, timestep: torch.Tensor, conditioning: Conditioning
    ) -> torch.Tensor:
        """Run the network once: [rows, channels, height, width] to the same shape."""

    def encode_picture(
        self, pixels: torch.Tensor, generators: Sequence[torch.Generator]
    ) -> torch.Tensor:
        """Return latents of one picture [1, 3, height, width] in -1..1, once for each generator."""

    def decode(self, latents: torch.Tensor) -> torch.Tensor:
        """Return pictures [pictures, 3, height, width], about -1..1, on the host in float32."""
