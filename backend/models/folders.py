"""Reads what a model folder says of itself: JSON, card and safetensors headers; never a tensor."""

import json
import re
import struct
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from backend.domain.families import FAMILY_SAMPLERS, ModelFamily, Sampler

CLASS_NAMES: Final = {
    ModelFamily.SDXL: "StableDiffusionXL",
    ModelFamily.SD3: "StableDiffusion3",
    ModelFamily.FLUX: "Flux",
}
Shapes = dict[str, tuple[int, ...]]
_HUB_ID = re.compile(r"\w[\w.-]*/\w[\w.-]*")
_HEADER_LIMIT_BYTES = 100_000_000  # the format's own
# Components without weights of their own.
_WEIGHTLESS = ("tokenizer", "scheduler", "feature_extractor", "image_processor")
# What diffusers loads; files named otherwise are variants of the same weights.
_PLAIN_NAME = re.compile(r"(diffusion_pytorch_)?model(-\d{5}-of-\d{5})?\.safetensors")

_FRONT_MATTER = re.compile(r"---\r?\n(.*?)^---\r?$", re.DOTALL | re.MULTILINE)
_FACT = re.compile(
    r"^(license|license_name):[ \t]*[\"']?([\w .+-]+?)[\"']?[ \t]*\r?$", re.MULTILINE
)
_HEADING = re.compile(r"^# +(.+?)[ \t]*\r?$", re.MULTILINE)


class BadModelFolder(Exception):
    """A model folder that is missing, incomplete or malformed; the message names the file."""


class _Sidecar(BaseModel):
    """`impasto.json` beside a model: what it likes to be drawn with."""

    model_config = ConfigDict(extra="ignore", frozen=True)
    steps: int | None = Field(default=None, ge=1)
    guidance: float | None = Field(default=None, ge=0)
    sampler: Sampler | None = None


@dataclass(frozen=True, kw_only=True)
class FolderFacts:
    """What any folder with weights says of itself."""

    title: str
    licence: str | None
    parameters: int
    size_bytes: int


@dataclass(frozen=True, kw_only=True)
class ModelFacts(FolderFacts):
    """What a model's folder says of itself; None is left to the worker."""

    native_side: int | None  # pixels
    steps: int | None
    guidance: float | None
    sampler: Sampler | None


def is_hub_id(source: str) -> bool:
    """Tell whether a model setting means a hub repository rather than a folder."""
    return _HUB_ID.fullmatch(source) is not None and not Path(source).exists()


def read_model(folder: Path, family: ModelFamily) -> ModelFacts:
    """Read a diffusers folder that a worker of this family could load.

    Raises:
        BadModelFolder: it could not.

    """
    if not folder.is_dir():
        raise BadModelFolder(f"There is no model folder at {folder}.")
    index = _read_json(folder / "model_index.json")
    found = str(index.get("_class_name", ""))
    if not found.startswith(CLASS_NAMES[family]):
        raise BadModelFolder(
            f"{folder} holds {found or 'no pipeline'}, and {family} is {CLASS_NAMES[family]}…."
        )
    parts = [
        folder / name
        for name, entry in index.items()
        if isinstance(entry, list) and len(entry) == 2 and entry[0] is not None
    ]
    parameters = sum(_count_component(part) for part in parts)
    sidecar = _read_sidecar(folder, family)
    title, licence = _read_card(folder)
    return ModelFacts(
        title=title,
        licence=licence,
        parameters=parameters,
        size_bytes=_size(folder),
        native_side=_native_side(folder, family),
        **sidecar.model_dump(),
    )


def read_adapter(folder: Path) -> FolderFacts:
    """Read a folder that holds a companion of a model: safetensors files and a card.

    Raises:
        BadModelFolder: a weights file is cut or malformed.

    """
    title, licence = _read_card(folder)
    return FolderFacts(
        title=title,
        licence=licence,
        parameters=sum(count_parameters(path) for path in sorted(folder.glob("*.safetensors"))),
        size_bytes=_size(folder),
    )


def count_parameters(path: Path) -> int:
    """Return how many numbers a safetensors file holds, by its header.

    Raises:
        BadModelFolder: the header is malformed, or the file shorter or longer than it says.

    """
    return sum(map(prod, read_shapes(path).values()))


def read_shapes(path: Path) -> Shapes:
    """Return the shapes of a safetensors file's tensors by their names, from its header.

    Raises:
        BadModelFolder: there is no such file, its header is malformed, or it is shorter or longer
            than that says.

    """
    if not path.is_file():
        raise BadModelFolder(f"There is no {path}.")
    size = path.stat().st_size
    with path.open("rb") as file:
        start = file.read(8)
        header_bytes = struct.unpack("<Q", start)[0] if len(start) == 8 else size
        if header_bytes > min(_HEADER_LIMIT_BYTES, size - 8):
            raise BadModelFolder(f"{path} is truncated or no safetensors file.")
        header = file.read(header_bytes)
    try:
        entries = {name: one for name, one in json.loads(header).items() if name[:2] != "__"}
        end = max((int(entry["data_offsets"][1]) for entry in entries.values()), default=0)
        shapes = {name: tuple(map(int, entry["shape"])) for name, entry in entries.items()}
    except (ValueError, TypeError, KeyError, IndexError, AttributeError) as error:
        raise BadModelFolder(f"{path} has a malformed safetensors header.") from error
    if size != 8 + header_bytes + end:
        raise BadModelFolder(f"{path} has {size} bytes where {8 + header_bytes + end} belong.")
    return shapes


def _count_component(folder: Path) -> int:
    if not folder.is_dir():
        raise BadModelFolder(f"{folder} is missing, though model_index.json names it.")
    if folder.name.startswith(_WEIGHTLESS):
        return 0
    counts = {path.name: count_parameters(path) for path in sorted(folder.glob("*.safetensors"))}
    if not counts:
        raise BadModelFolder(f"{folder} holds no safetensors file.")
    for path in folder.glob("*.safetensors.index.json"):
        shards = _read_json(path).get("weight_map")
        missing = set(shards.values()) - counts.keys() if isinstance(shards, dict) else ()
        for shard in missing:
            raise BadModelFolder(f"{folder / shard} is missing, though {path.name} names it.")
    plain = [count for name, count in counts.items() if _PLAIN_NAME.fullmatch(name)]
    return sum(plain or counts.values())


def _native_side(folder: Path, family: ModelFamily) -> int | None:
    vae = _read_json(folder / "vae" / "config.json")
    match family:
        case ModelFamily.FLUX:
            side = vae.get("sample_size")
        case ModelFamily.SDXL | ModelFamily.SD3:
            network = "unet" if family is ModelFamily.SDXL else "transformer"
            latent_side = _read_json(folder / network / "config.json").get("sample_size")
            blocks = vae.get("block_out_channels")
            if not isinstance(latent_side, int) or not isinstance(blocks, list) or not blocks:
                return None
            side = latent_side * 2 ** (len(blocks) - 1)
    return side if isinstance(side, int) else None


def _read_sidecar(folder: Path, family: ModelFamily) -> _Sidecar:
    path = folder / "impasto.json"
    try:
        sidecar = _Sidecar.model_validate(_read_json(path) if path.exists() else {})
    except ValidationError as error:
        fields = ", ".join(str(issue["loc"][0]) for issue in error.errors())
        raise BadModelFolder(f"{path} has bad values for: {fields}.") from error
    if sidecar.sampler is not None and sidecar.sampler not in FAMILY_SAMPLERS[family]:
        raise BadModelFolder(f"{path} has bad values for: sampler.")
    return sidecar


def _read_card(folder: Path) -> tuple[str, str | None]:
    """Return the title of a model card and the licence in its front matter, where it has them."""
    try:
        text = (folder / "README.md").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return folder.name, None
    matter = _FRONT_MATTER.match(text)
    said = dict(_FACT.findall(matter[1])) if matter else {}
    heading = _HEADING.search(text, matter.end() if matter else 0)
    # The hub knows few licences by name; others stand as `license: other` beside their own name.
    licence = said.get("license_name") or said.get("license")
    return heading[1] if heading else folder.name, licence


def _size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise BadModelFolder(f"{path} is missing; this is no diffusers folder.") from error
    except (OSError, ValueError) as error:
        raise BadModelFolder(f"{path} cannot be read as JSON.") from error
    if not isinstance(content, dict):
        raise BadModelFolder(f"{path} is not a JSON object.")
    return content
