"""Where LoRAs lie: files and folders by name, safetensors only."""

import re
from pathlib import Path

from gpu_worker.state import AdapterBroken, AdapterMissing

_NAME = re.compile(r"\w[\w.-]{0,99}")
_PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl")
_WEIGHTS = "pytorch_lora_weights.safetensors"
_OWN_FOLDER = "lora-"
_SHOWN = 20  # names, in the sentence that says which there are


def find_lora(folder: Path, name: str) -> Path:
    """Return where a LoRA lies: `NAME.safetensors`, or in a folder `NAME` or `lora-NAME`.

    Raises:
        AdapterMissing: there is none of that name; a name is never a path.
        AdapterBroken: there is only a pickle.

    """
    if _NAME.fullmatch(name):
        files = [folder / f"{name}.safetensors"]
        for place in (folder / name, folder / f"{_OWN_FOLDER}{name}"):
            files += [place / _WEIGHTS, *sorted(place.glob("*.saf*"))]
        for file in files:
            if file.is_file():
                return file
        if any((folder / f"{name}{ending}").is_file() for ending in _PICKLES):
            raise AdapterBroken(f"The LoRA {name} is a pickle, which could run code; convert it.")
    known = ", ".join(list_loras(folder)[:_SHOWN])
    there = f"there are: {known}" if known else "there is none at all"
    raise AdapterMissing(f"There is no LoRA named {name[:100]} here; {there}.")


def list_loras(folder: Path) -> list[str]:
    """Return the names of all LoRAs in a folder, sorted."""
    names = {path.stem for path in folder.glob("*.safetensors")}
    names |= {path.parent.name for path in folder.glob(f"*/{_WEIGHTS}")}
    return sorted(name.removeprefix(_OWN_FOLDER) for name in names)
