"""What a model family is to the renderer, and what a loaded model consists of."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Protocol, Self

import torch
from PIL import Image

from backend.contracts import ModelFamily
from backend.contracts import Sampler as SamplerName

# diffusers and transformers ship no types that mypy could follow.
DiffusersPart = Any


@dataclass(frozen=True, kw_only=True)
class ModelDefaults:
    """What a model draws with when the job leaves the choice to it."""

    steps: int
    guidance: float
    sampler: SamplerName
    display_scale: int = 1  # how many times as wide and high pictures leave as they are drawn
    upscaler: str | None = None  # a file's name without its suffix; else `x4` and the like
    draws_parts: bool = True  # told what a whole shows, it draws no second whole in a part of it
    preview: str | None = None  # a folder's name; without it colours are fitted to the model


@dataclass(frozen=True, kw_only=True)
class SeenPictures:
    """What a network is told of image prompts, and of none where it is to be led away from them."""

    toward: torch.Tensor  # [pictures, tokens, channels]
    away: torch.Tensor  # [pictures, tokens, channels]


class PictureReader(Protocol):
    """Reads image prompts."""

    def read(self, pictures: Sequence[Image.Image]) -> SeenPictures:
        """Return what the network is told of pictures."""


@dataclass(frozen=True, kw_only=True)
class LoadedModel:
    """A diffusers pipeline in memory, used for its parts; we never call it."""

    pipeline: DiffusersPart
    defaults: ModelDefaults
    device: torch.device
    dtype: torch.dtype
    image_prompts: PictureReader | None = None


@dataclass(frozen=True, kw_only=True)
class Conditioning:
    """What the network is told about each row of its batch; rows of one family can be joined."""

    embeds: torch.Tensor  # [rows, tokens, channels]
    pooled: torch.Tensor  # [rows, channels]
    facts: torch.Tensor  # [rows, numbers]: those of the family, as SDXL's six of the size
    # Image prompts, [rows, groups, tokens, channels], and how much each counts, [rows, groups, 2]:
    # where the network decides on content, and where on style.
    images: torch.Tensor | None = None
    image_scales: torch.Tensor | None = None

    def repeat(self, count: int) -> Self:
        """Return every row `count` times, whole copies one after another."""
        return self.join([self] * count)

    def spread(self, count: int) -> Self:
        """Return every row `count` times, each row's copies side by side."""
        if count == 1:
            return self
        rows = range(len(self.embeds))
        return self.join([self.take(row, row + 1) for row in rows for _ in range(count)])

    def take(self, begin: int, end: int) -> Self:
        """Return the rows from `begin` to before `end`."""
        return replace(
            self,
            embeds=self.embeds[begin:end],
            pooled=self.pooled[begin:end],
            facts=self.facts[begin:end],
            images=None if self.images is None else self.images[begin:end],
            image_scales=None if self.image_scales is None else self.image_scales[begin:end],
        )

    def with_pictures(
        self, seen: SeenPictures, scales: Sequence[tuple[float, float]], *, is_guided: bool
    ) -> Self:
        """Return the rows told of pictures too; the first half is led away, if guided.

        Pictures that count alike, for content and for style, are looked at together, others each
        by itself.
        """
        groups = (1, 1, -1) if len(set(scales)) == 1 else (1, len(scales), -1)
        rows = len(self.embeds)
        told = [seen.away, seen.toward] if is_guided else [seen.toward]
        each = rows // len(told)
        shaped = [one.reshape(*groups, one.shape[-1]).expand(each, -1, -1, -1) for one in told]
        weights = torch.tensor(list(scales)[: groups[1]], device=seen.toward.device)
        return replace(
            self,
            images=torch.cat(shaped),
            image_scales=weights.to(seen.toward.dtype).expand(rows, -1, -1),
        )

    def without_words(self) -> Self:
        """Return the rows with zeros where words would be."""
        return replace(
            self, embeds=torch.zeros_like(self.embeds), pooled=torch.zeros_like(self.pooled)
        )

    @classmethod
    def join(cls, parts: Sequence[Self]) -> Self:
        """Return the rows of all parts in order."""
        return cls(
            embeds=torch.cat([part.embeds for part in parts]),
            pooled=torch.cat([part.pooled for part in parts]),
            facts=torch.cat([part.facts for part in parts]),
            images=_join_if_there([part.images for part in parts]),
            image_scales=_join_if_there([part.image_scales for part in parts]),
        )

    @property
    def shape(self) -> tuple[int, ...]:
        """Return what must be equal in rows that are joined."""
        images = () if self.images is None else self.images.shape[1:]
        return (*self.embeds.shape[1:], *images)


def _join_if_there(parts: Sequence[torch.Tensor | None]) -> torch.Tensor | None:
    there = [part for part in parts if part is not None]
    return torch.cat(there) if there else None


@dataclass(frozen=True, kw_only=True)
class Steering:
    """A ControlNet in one look: what it is shown, and how strongly each row heeds it."""

    network: DiffusersPart
    hints: torch.Tensor  # [rows, …] as the family read them
    scales: torch.Tensor  # [rows]

    def take(self, begin: int, end: int) -> Self:
        """Return it for the rows from `begin` to before `end`."""
        return replace(self, hints=self.hints[begin:end], scales=self.scales[begin:end])

    def weigh(self, residual: torch.Tensor) -> torch.Tensor:
        """Return what it adds somewhere in the network [rows, …], as strongly as it counts."""
        scales = self.scales.to(residual.dtype)
        return residual * scales.view(-1, *[1] * (residual.ndim - 1))


class EncoderKind(StrEnum):
    """How a text encoder reads."""

    CLIP = "clip"  # chunk by chunk; for its last layer but one, and for a gist
    POOLED = "pooled"  # a CLIP asked for the gist of the first chunk alone
    T5 = "t5"  # all at once


@dataclass(frozen=True, kw_only=True)
class TextEncoder:
    """One of a family's text encoders.

    `lengths` are those of a row in tokens, marks included: of a CLIP's chunk, or all that a T5 may
    be filled up to, the shortest that holds a text being taken.
    """

    name: str
    kind: EncoderKind
    tokenizer: DiffusersPart
    network: DiffusersPart
    lengths: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class ReadText:
    """What one encoder made of a text."""

    embeds: torch.Tensor  # [1, tokens, channels]
    pooled: torch.Tensor | None  # [1, channels]: the gist, of a CLIP

    @property
    def gist(self) -> torch.Tensor:
        """Return the gist of an encoder that gives one."""
        if self.pooled is None:
            raise RuntimeError("asked for the gist of an encoder that gives none")
        return self.pooled

    @property
    def size_bytes(self) -> int:
        """Return how much memory it takes."""
        return self.embeds.nbytes + (0 if self.pooled is None else self.pooled.nbytes)


class Family(Protocol):
    """A model that can be drawn with, opened from a `LoadedModel`."""

    name: ModelFamily
    defaults: ModelDefaults
    device: torch.device
    dtype: torch.dtype
    native_side: int  # pixels
    side_multiple: int  # pixels
    longest_side: int  # pixels
    guides_itself: bool  # distilled: guidance is one of its facts, and it looks at no negative
    latent_channels: int
    pixels_per_latent: int
    scheduler_config: Mapping[str, object]  # pristine: samplers copy it
    encoders: tuple[TextEncoder, ...]
    drops_empty_negative: bool  # it was trained with nothing at all where there is no negative

    def meeting_edges(self) -> AbstractContextManager[None]:
        """Let the opposite edges of pictures meet, for all that is done inside the block.

        Raises:
            TilingNotSupported: the family's network knows where a picture ends.

        """

    def count_tokens(self, *, width: int, height: int) -> int:
        """Return how many tokens a picture is to the network; flow samplers shift by it."""

    def join_texts(self, texts: Sequence[ReadText]) -> tuple[torch.Tensor, torch.Tensor]:
        """Return a row's `embeds` and `pooled` out of what each of `encoders` read, in order."""

    def tell_facts(self, *, width: int, height: int, guidance: float) -> torch.Tensor:
        """Return a row's `facts`."""

    def read_pictures(self, pictures: Sequence[Image.Image]) -> SeenPictures:
        """Return what the network is told of image prompts.

        Raises:
            ImagePromptsNotSupported: the model has no adapter for that.

        """

    def read_hint(self, network: DiffusersPart, pixels: torch.Tensor) -> torch.Tensor:
        """Return what a ControlNet is shown of a picture [1, 3, height, width] in -1..1.

        Raises:
            AdapterUnfit: this family does not know how to use it.

        """

    def predict_noise(
        self,
        latents: torch.Tensor,
        timesteps: torch.Tensor,
        conditioning: Conditioning,
        steering: Sequence[Steering] = (),
    ) -> torch.Tensor:
        """Run the network once: [rows, channels, height, width] to the same shape.

        Every row stands at its own of the timesteps [rows], is told of its own conditioning, and
        heeds what ControlNets add, all of them together.
        """

    def encode_picture(
        self, pixels: torch.Tensor, generators: Sequence[torch.Generator]
    ) -> torch.Tensor:
        """Return latents of one picture [1, 3, height, width] in -1..1, once for each generator."""

    def decode(self, latents: torch.Tensor) -> torch.Tensor:
        """Return pictures [pictures, 3, height, width], about -1..1, on the host in float32."""
