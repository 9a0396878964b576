"""Loads ControlNets by name, safetensors only, and keeps the popular ones on the device."""

import json
import re
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import assert_never

import structlog
import torch

from backend.contracts import ModelFamily, control_adapter
from gpu_worker.compose.model_files import check_component
from gpu_worker.family import DiffusersPart, LoadedModel
from gpu_worker.state import AdapterBroken, AdapterMissing, AdapterUnfit, ModelBroken, RenderError
from gpu_worker.vram.manager import Keep, VramManager
from gpu_worker.vram.probe import is_out_of_memory
from gpu_worker.vram.weights import weigh_files

_OWN_FOLDER = "controlnet-"
_SHOWN = 20  # names, in the sentence that says which there are
_log = structlog.get_logger(__name__)
_NAME = re.compile(r"\w[\w.-]{0,99}")
# What must be the same in a ControlNet and the network it steers.
_SAME = {
    ModelFamily.SDXL: ("block_out_channels", "cross_attention_dim", "layers_per_block"),
    ModelFamily.SD3: ("num_attention_heads", "attention_head_dim", "joint_attention_dim"),
    ModelFamily.FLUX: ("num_attention_heads", "attention_head_dim", "joint_attention_dim"),
}
# Until one was loaded: what production systems take for it (median of 29,000 loads).
_USUAL_RELOAD_S = 3.9


class ControlNets:
    """The ControlNets of one loaded model. Used by the engine's thread."""

    def __init__(
        self,
        *,
        model: LoadedModel,
        family: ModelFamily,
        folder: Path,
        vram: VramManager,
        always_hot: frozenset[str] = frozenset(),
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._model = model
        self._family = family
        self._folder = folder
        self._vram = vram
        self._always_hot = always_hot
        self._clock = clock
        self._loaded: dict[str, DiffusersPart] = {}
        self._places: dict[str, tuple[Path, int]] = {}  # where each lies, and its bytes when loaded
        self._reload_s: dict[str, float] = {}

    @contextmanager
    def hold(self, name: str) -> Iterator[DiffusersPart]:
        """Have a ControlNet on the device while the block runs; it stays while it is popular.

        Raises:
            AdapterMissing, AdapterBroken: there is none of that name, or it does not load.
            AdapterUnfit: it was made for another model.
            OutOfMemory: there is no room for it.

        """
        if name not in self._loaded:
            self._places[name] = self._look_over(name)
        folder, size = self._places[name]
        keep = Keep(
            drop=lambda: self._drop(name),
            reload_s=self._reload_s.get(name, _USUAL_RELOAD_S),
            is_pinned=name in self._always_hot,
        )
        with self._vram.hold(component_of(name), size, keep=keep):
            if name not in self._loaded:
                self._load(name, folder)
            yield self._loaded[name]

    def _look_over(self, name: str) -> tuple[Path, int]:
        """Read what its files say of a ControlNet; not at every step, for that takes a while."""
        folder = self.find(name)
        files = folder.glob("*.safetensors")
        return folder, weigh_files(files, floating_bytes=self._model.dtype.itemsize)

    def resident(self) -> frozenset[str]:
        """Return the names of those that lie on the device."""
        return frozenset(self._loaded)

    def find(self, name: str) -> Path:
        """Return the folder of a ControlNet.

        Raises:
            AdapterMissing, AdapterBroken, AdapterUnfit: as `hold` does.

        """
        if _NAME.fullmatch(name):
            for folder in (self._folder / name, self._folder / f"{_OWN_FOLDER}{name}"):
                if folder.is_dir():
                    try:
                        check_component(folder)
                    except ModelBroken as error:
                        # Its words name folders of this host, and these go to members.
                        raise AdapterBroken(
                            f"The ControlNet {name} has no whole safetensors files."
                        ) from error
                    self._check_base(name, folder)
                    return folder
        known = ", ".join(self.names()[:_SHOWN])
        there = f"there are: {known}" if known else "there is none at all"
        raise AdapterMissing(f"There is no ControlNet named {name[:100]} here; {there}.")

    def names(self) -> list[str]:
        """Return the names of all that lie in the folder, sorted."""
        folders = {path.parent for path in self._folder.glob("*/config.json")}
        return sorted(
            folder.name.removeprefix(_OWN_FOLDER)
            for folder in folders
            if "ControlNet" in _class_name(folder)
        )

    def held(self) -> frozenset[str]:
        """Return what is loaded, as it is called among a worker's adapters; for any thread."""
        return frozenset(map(component_of, list(self._loaded)))

    def warm_up(self) -> None:
        """Load those that are always hot, as far as they can be had."""
        for name in sorted(self._always_hot):
            try:
                with self.hold(name):
                    pass
            except RenderError as error:
                _log.warning("controlnet_passed_over", name=name, reason=str(error))

    def _check_base(self, name: str, folder: Path) -> None:
        try:
            config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise AdapterBroken(f"The ControlNet {name} has no config.json to read.") from error
        pipeline = self._model.pipeline
        network = pipeline.unet if self._family is ModelFamily.SDXL else pipeline.transformer
        for fact in _SAME[self._family]:
            ours, theirs = network.config.get(fact), config.get(fact)
            if _plain(ours) != _plain(theirs):
                raise AdapterUnfit(
                    f"The ControlNet {name} was made for another model: its {fact} is "
                    f"{_plain(theirs)}, this model's {_plain(ours)}."
                )

    def _load(self, name: str, folder: Path) -> None:
        began_at = self._clock()
        try:
            loaded = _network_class(self._family).from_pretrained(
                folder, dtype=self._model.dtype, use_safetensors=True, local_files_only=True
            )
            self._loaded[name] = (
                loaded.eval().requires_grad_(requires_grad=False).to(self._model.device)
            )
        except Exception as error:
            # Whatever the libraries raise over odd files is the file's fault, except memory.
            if is_out_of_memory(error):
                raise
            raise AdapterBroken(
                f"The ControlNet {name} could not be loaded ({type(error).__name__})."
            ) from error
        self._reload_s[name] = self._clock() - began_at

    def _drop(self, name: str) -> None:
        self._loaded.pop(name, None)
        if self._model.device.type == "cuda":
            torch.cuda.empty_cache()


def component_of(name: str) -> str:
    """Return what a ControlNet is called in the books of the device's memory."""
    return control_adapter(name)


def _network_class(family: ModelFamily) -> DiffusersPart:
    match family:
        case ModelFamily.SDXL:
            from diffusers import ControlNetModel

            return ControlNetModel
        case ModelFamily.SD3:
            from diffusers import SD3ControlNetModel

            return SD3ControlNetModel
        case ModelFamily.FLUX:
            from diffusers import FluxControlNetModel

            return FluxControlNetModel
        case _:
            assert_never(family)


def _class_name(folder: Path) -> str:
    """Return which network a folder says it holds; empty if it does not say."""
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return ""
    return str(config.get("_class_name", "")) if isinstance(config, dict) else ""


def _plain(value: object) -> object:
    return list(value) if isinstance(value, tuple | list) else value
