"""Looks over a diffusers folder before anything is loaded: layout, and every safetensors file.

A truncated download would otherwise surface as a riddle minutes later, and a pickle could run code.
"""

import json
import re
from pathlib import Path
from typing import Any

from gpu_worker.state import ModelBroken, ModelMissing
from gpu_worker.vram.weights import read_header

_HUB_ID = re.compile(r"[\w.-]+/[\w.-]+")
_PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl")
_SIDECAR = "impasto.json"
# Components without weights of their own.
_WEIGHTLESS = ("tokenizer", "scheduler", "feature_extractor", "image_processor")


def is_hub_id(source: str) -> bool:
    """Tell whether a model setting means a hub repository rather than a folder."""
    return _HUB_ID.fullmatch(source) is not None and not Path(source).exists()


def check_model_folder(folder: Path) -> None:
    """Check that a folder holds a complete diffusers pipeline in safetensors files.

    Raises:
        ModelMissing: there is no such folder.
        ModelBroken: a file is missing, truncated, malformed or a pickle; the message names it.

    """
    if not folder.is_dir():
        raise ModelMissing(f"There is no model folder at {folder}.")
    for name, is_there in _read_components(folder).items():
        if is_there:
            check_component(folder / name)


def read_class_name(folder: Path) -> str:
    """Return which diffusers pipeline the folder says it holds; empty if it does not say.

    Raises:
        ModelBroken: its index cannot be read.

    """
    return str(_read_json(folder / "model_index.json").get("_class_name", ""))


def find_absent(folder: Path) -> list[str]:
    """Return the parts the folder says it goes without, as SD3's third encoder.

    Raises:
        ModelBroken: its index cannot be read.

    """
    return [name for name, is_there in _read_components(folder).items() if not is_there]


def read_sidecar(folder: Path) -> dict[str, Any]:
    """Return what the folder's `impasto.json` says, or nothing if it has none.

    Raises:
        ModelBroken: it is not a JSON object.

    """
    path = folder / _SIDECAR
    return _read_json(path) if path.exists() else {}


def check_safetensors(path: Path) -> None:
    """Check a safetensors file's header against its size, without reading a tensor.

    Raises:
        ModelBroken: the header is malformed or the file shorter or longer than it says.

    """
    read_header(path)


def _read_components(folder: Path) -> dict[str, bool]:
    """Return the names of a pipeline's parts, and whether each of them is there."""
    return {
        name: entry[0] is not None
        for name, entry in _read_json(folder / "model_index.json").items()
        if isinstance(entry, list) and len(entry) == 2
    }


def check_component(folder: Path) -> None:
    """Check that one part's folder holds whole safetensors files; a part without weights may not.

    Raises:
        ModelBroken: as for a whole pipeline.

    """
    if not folder.is_dir():
        raise ModelBroken(f"{folder} is missing, though model_index.json names it.")
    if folder.name.startswith(_WEIGHTLESS):
        return
    weights = sorted(folder.glob("*.safetensors"))
    if not weights:
        if any(path.suffix in _PICKLES for path in folder.iterdir()):
            raise ModelBroken(f"{folder} holds only pickles; convert them to safetensors.")
        raise ModelBroken(f"{folder} holds no safetensors file.")
    for path in weights:
        check_safetensors(path)
    for path in folder.glob("*.safetensors.index.json"):
        for shard in set(_read_json(path).get("weight_map", {}).values()):
            if not (folder / str(shard)).is_file():
                raise ModelBroken(f"{folder / str(shard)} is missing, though {path.name} names it.")


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ModelBroken(f"{path} is missing; this is no diffusers folder.") from error
    except (OSError, ValueError) as error:
        raise ModelBroken(f"{path} cannot be read as JSON.") from error
    if not isinstance(content, dict):
        raise ModelBroken(f"{path} is not a JSON object.")
    return content
