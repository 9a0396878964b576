"""One job between two steps: its latents, its sampler, its generators, and nobody else's."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field

import torch
from PIL import Image

from backend.contracts import RenderNote
from gpu_worker.family import Conditioning
from gpu_worker.render.guidance import Guidance
from gpu_worker.sampler import Sampler


@dataclass(kw_only=True, eq=False)
class Painting:
    """A `Run` over tensors."""

    width: int
    height: int
    guidance: Guidance
    sampler: Sampler
    generators: Sequence[torch.Generator]
    conditioning: Conditioning
    timesteps: torch.Tensor  # [steps]
    latents: torch.Tensor  # [pictures, channels, height, width]
    adapters: tuple[str, ...] = ()  # what the network wears while it looks
    notes: tuple[RenderNote, ...] = ()
    done: int = 0
    pictures: list[Image.Image] = field(default_factory=list)
    enlarged: list[Image.Image] = field(default_factory=list)
    encode_s: float = 0.0
    denoise_s: float = 0.0
    decode_s: float = 0.0
    upscale_s: float = 0.0

    @property
    def key(self) -> Hashable:
        # Each row is told its own timestep and guidance: only shapes and what is worn must agree.
        shapes = (tuple(self.latents.shape[1:]), tuple(self.conditioning.embeds.shape[1:]))
        return (*shapes, self.adapters)

    @property
    def rows(self) -> int:
        return int(self.conditioning.embeds.shape[0])

    @property
    def row_pixels(self) -> int:
        return self.width * self.height

    @property
    def steps(self) -> int:
        return len(self.timesteps)

    @property
    def timestep(self) -> torch.Tensor:
        """Return the timestep it stands at, a scalar on the latents' device."""
        return self.timesteps[self.done]

    def show(self) -> torch.Tensor:
        """Return what the network sees of it, [rows, channels, height, width]."""
        return self.sampler.scale_input(self.guidance.widen(self.latents), self.timestep)

    def advance(self, noise: torch.Tensor) -> None:
        """Take a step by what the network saw in its rows, [rows, channels, height, width]."""
        self.latents = self.sampler.step(
            self.guidance.combine(noise), self.timestep, self.latents, self.generators
        )
        self.done += 1
