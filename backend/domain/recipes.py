"""How pictures were made: all that must be the same for the same pixels to come out again.

Nothing of a member is in it, and no path of a worker's host.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from backend.domain.families import ModelFamily, Sampler


@dataclass(frozen=True, kw_only=True)
class RecipeTerm:
    """Words and how strongly they counted among those they were read with."""

    text: str
    weight: float = 1.0


@dataclass(frozen=True, kw_only=True)
class RecipePart:
    """Terms that were read together, and how strongly they counted beside other parts."""

    terms: tuple[RecipeTerm, ...]
    weight: float = 1.0


@dataclass(frozen=True, kw_only=True)
class RecipePicture:
    """A picture that went in; `role` says what for, `sha256` is that of its pixels."""

    role: str
    sha256: str
    strength: float | None = None


@dataclass(frozen=True, kw_only=True)
class RecipeFile:
    """Weights beside the model; `role` says what for: lora, controlnet, upscaler, decoder.

    A decoder is laid over the model's own, and is not in the model's digest; its name is the number
    that it draws into pictures, 12 hexadecimal digits.
    """

    role: str
    name: str
    sha256: str
    scale: float = 1.0


@dataclass(frozen=True, kw_only=True)
class DrawnBy:
    """What pictures were drawn by: a model, on a device, with libraries.

    `model_sha256` covers the contents of all files the model consists of; "" where nobody knows.
    """

    model: str
    model_sha256: str
    device: str
    dtype: str
    threads: int = 1
    quantise: str = "none"
    engine: str = ""
    libraries: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """How the pictures of a job were made, with every choice that was left to the model made.

    `further` holds what else was asked for, by the names of the worker's messages. Picture i was
    drawn from `seed` + i unless that says otherwise, all of them as one batch. `is_repeatable` says
    that nobody shared a look of the network with them: then the same model, libraries and device
    draw the same pixels again.
    `pixels_sha256` are those of the pictures as drawn, before any mark; in order of index.
    """

    family: ModelFamily
    prompt: str
    negative_prompt: str = ""
    parts: tuple[RecipePart, ...] = ()
    negative_parts: tuple[RecipePart, ...] = ()
    aspect_ratio: str
    width: int
    height: int
    steps: int
    guidance: float
    sampler: Sampler
    sampler_sha256: str
    seed: int
    image_count: int
    further: Mapping[str, object] = field(default_factory=dict)
    pictures: tuple[RecipePicture, ...] = ()
    files: tuple[RecipeFile, ...] = ()
    drawn_by: DrawnBy
    is_repeatable: bool = True
    pixels_sha256: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Reproduction:
    """What came of drawing by a recipe once more.

    `is_same` says that every pixel is the same; `differs` names what was not, such as `device`,
    `torch`, or `company` where the first pictures shared their steps with others.
    """

    is_same: bool
    differs: tuple[str, ...] = ()
