"""What the training loop needs of a model family in small."""

from collections.abc import Mapping, Sequence
from random import Random
from types import MappingProxyType
from typing import Protocol

import torch
from diffusers import AutoencoderKL, DiffusionPipeline
from torch import nn

NATIVE_SIDE = 128  # pixels
# How much larger pictures are shown; and in a part of a picture it would draw the whole again.
DISPLAY = MappingProxyType({"display_scale": 4, "draws_parts": False, "preview": "preview"})
SEQUENCE = 32  # tokens that the transformers' encoders read


class Student(Protocol):
    """A family's untrained parts, how they learn, and the pipeline that they make."""

    name: str
    trained: nn.ModuleDict  # the networks under the names that a checkpoint gives them
    network: nn.Module  # the one of them that costs the time

    @property
    def defaults(self) -> Mapping[str, object]:
        """What the model folder's `impasto.json` says; chosen by looking at sheets."""

    @property
    def steps(self) -> int:
        """How many steps a whole training takes, unless one says otherwise."""

    def loss(self, latents: torch.Tensor, captions: Sequence[str], random: Random) -> torch.Tensor:
        """Return how far the network is off on scaled latents [B, 4, 16, 16], a scalar."""

    def pipeline(self, autoencoder: AutoencoderKL) -> DiffusionPipeline:
        """Put the parts together as the pipeline that everyone knows."""


def draw_noise(latents: torch.Tensor, random: Random) -> torch.Tensor:
    """Return noise in the latents' shape, the same on every device."""
    generator = torch.Generator().manual_seed(random.getrandbits(62))
    return torch.randn(latents.shape, generator=generator).to(latents.device)
