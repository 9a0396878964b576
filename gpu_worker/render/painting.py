"""One job between two steps: its latents, its sampler, its generators, and nobody else's."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field, replace

import torch
from PIL import Image

from backend.contracts import LoraUse, Recipe, RenderNote
from gpu_worker.family import Conditioning
from gpu_worker.render.canvas import Canvas
from gpu_worker.render.guidance import Guidance
from gpu_worker.render.kept import KeptArea
from gpu_worker.render.mosaic import Mosaic
from gpu_worker.render.sketch import Sketcher
from gpu_worker.render.steering import Control, SteeredRows
from gpu_worker.sampler import Sampler


@dataclass(kw_only=True, eq=False)
class Painting:
    """A `Run` over tensors."""

    canvas: Canvas
    seen_size: tuple[int, int]  # width and height in pixels of what the network sees in a row
    guidance: Guidance
    sampler: Sampler
    generators: Sequence[torch.Generator]
    conditioning: Conditioning
    timesteps: torch.Tensor  # [steps]
    latents: torch.Tensor  # [pictures, channels, height, width]
    kept: KeptArea | None = None  # what stays of a picture that is drawn around
    mosaic: Mosaic | None = None  # how the network sees latents that are too large for it
    is_tiled: bool = False  # its opposite edges meet
    outfit: tuple[LoraUse, ...] = ()  # what the network wears while it looks
    controls: tuple[Control, ...] = ()  # what steers the network
    notes: tuple[RenderNote, ...] = ()
    sketcher: Sketcher | None = None
    recipe: Recipe | None = None
    is_alone: bool = False  # nobody may share its looks of the network
    is_shared: bool = False  # a look of the network was not its own, whole and undivided
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
        steered_by = tuple(control.use.name for control in self.controls)
        seen = (self.seen_size, self.conditioning.shape, self.is_tiled)
        alone = id(self) if self.is_alone else None
        return (*seen, self.outfit, steered_by, alone)

    @property
    def steered_rows(self) -> SteeredRows:
        """Return what steers its rows in the next step."""
        return SteeredRows(rows=self.rows, controls=self.controls, done=self.done, steps=self.steps)

    @property
    def rows(self) -> int:
        return int(self.conditioning.embeds.shape[0])

    @property
    def row_pixels(self) -> int:
        width, height = self.seen_size
        return width * height

    @property
    def steps(self) -> int:
        return len(self.timesteps)

    @property
    def timestep(self) -> torch.Tensor:
        """Return the timestep it stands at, a scalar on the latents' device."""
        return self.timesteps[self.done]

    def made(self) -> Recipe | None:
        """Return how its pictures were made, once they are."""
        if self.recipe is None:
            return None
        return replace(self.recipe, is_repeatable=not self.is_shared)

    def show(self) -> torch.Tensor:
        """Return what the network sees of it, [rows, channels, height, width]."""
        seen = self.sampler.scale_input(self.guidance.widen(self.latents), self.timestep)
        return seen if self.mosaic is None else self.mosaic.cut(seen)

    def advance(self, noise: torch.Tensor) -> None:
        """Take a step by what the network saw in its rows, [rows, channels, height, width]."""
        if self.mosaic is not None:
            noise = self.mosaic.join(noise)
        guided = self.guidance.combine(noise)
        if self.sketcher is not None and self.sketcher.is_due(self.done + 1, self.steps):
            guess = self.sampler.guess(guided, self.timestep, self.latents)
            self.sketcher.take(guess, self.done + 1, self.steps)
        latents = self.sampler.step(guided, self.timestep, self.latents, self.generators)
        self.done += 1
        if self.kept is not None:
            is_last = self.done == self.steps
            latents = self.kept.restore(latents, self.sampler, None if is_last else self.timestep)
        self.latents = latents
