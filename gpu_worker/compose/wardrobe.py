"""Dresses a loaded model with LoRAs by name: finds, judges, caches and changes them.

The host's memory caches as many as its bytes allow, so that a change costs only copies; reading one
from disk can be done ahead, on another thread, while the engine draws.
"""

import re
import threading
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import structlog
from torch import nn

from backend.contracts import ModelFamily
from gpu_worker.compose.adapters import AdaptedNetwork, Worn
from gpu_worker.compose.byte_cache import ByteCache
from gpu_worker.compose.lora import LoraWeights, load_lora
from gpu_worker.compose.lora_facts import LoraFacts, read_facts
from gpu_worker.compose.lora_names import LayerNames, parts_of
from gpu_worker.family import LoadedModel
from gpu_worker.state import BadRequest, ModelBroken, ModelMissing, RenderError
from gpu_worker.vram.manager import VramManager

# More at once blur each other; and their ranks have to fit side by side.
MOST_WORN = 4
MOST_SCALE = 4.0
_NAME = re.compile(r"\w[\w.-]{0,99}")
_PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl")
_ENCODERS = "text_encoder"
_ROOM = "room for LoRAs"
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True, order=True)
class LoraChoice:
    """A LoRA by name, and how strongly it is to count: 0 not at all, 1 as it was trained."""

    name: str
    scale: float = 1.0


# What a model wears: jobs that ask for the same can share a forward pass.
Outfit = tuple[LoraChoice, ...]


def find_lora(folder: Path, name: str) -> Path:
    """Return where a LoRA lies: `NAME.safetensors`, or in a folder `NAME` or `lora-NAME`.

    Raises:
        ModelMissing: there is none of that name; a name is never a path.
        ModelBroken: there is only a pickle.

    """
    if _NAME.fullmatch(name):
        files = [folder / f"{name}.safetensors"]
        for place in (folder / name, folder / f"lora-{name}"):
            files += [place / "pytorch_lora_weights.safetensors", *sorted(place.glob("*.saf*"))]
        for file in files:
            if file.is_file():
                return file
        if any((folder / f"{name}{ending}").is_file() for ending in _PICKLES):
            raise ModelBroken(f"The LoRA {name} is a pickle, which could run code; convert it.")
    raise ModelMissing(f"There is no LoRA named {name[:100]} here.")


class Wardrobe:
    """The LoRAs of one loaded model. `fetch` may be called ahead; the rest is the engine's."""

    def __init__(
        self,
        *,
        model: LoadedModel,
        family: ModelFamily,
        folder: Path,
        cached_bytes: int,
        vram: VramManager | None = None,
    ) -> None:
        components: Mapping[str, object] = model.pipeline.components
        blocks = getattr(getattr(components.get("unet"), "config", None), "layers_per_block", 2)
        self._family = family
        self._folder = folder
        self._dtype = model.dtype
        self._is_pinned = model.device.type == "cuda"
        self._vram = vram
        self._names = LayerNames(parts_of(components), layers_per_block=int(blocks))
        self._networks = {
            part: AdaptedNetwork(network, dtype=model.dtype)
            for part in self._names.parts
            if isinstance(network := components[part], nn.Module)
        }
        self._cache: ByteCache[tuple[str, int], LoraWeights] = ByteCache(
            most_bytes=cached_bytes, weigh=lambda weights: weights.size_bytes
        )
        self._lock = threading.Lock()
        self._room = ExitStack()
        self._worn: Outfit | None = ()

    @property
    def worn(self) -> Outfit:
        """What the model wears now."""
        return self._worn or ()

    @property
    def rebuilds(self) -> int:
        """How often room was made or grew since the model was loaded."""
        return sum(network.rebuilds for network in self._networks.values())

    def cached(self) -> frozenset[str]:
        """Return the names of the LoRAs that lie in the host's memory."""
        with self._lock:
            return frozenset(name for name, _ in self._cache)

    def judge(self, name: str) -> LoraFacts:
        """Return what a LoRA's header says: rank, layers, the words that call its style.

        Raises:
            ModelMissing, ModelBroken, BadRequest: it is not there, not sound, or for another model.

        """
        path = find_lora(self._folder, name)
        return read_facts(path, name=name, family=self._family, names=self._names)

    def fetch(self, name: str) -> LoraWeights:
        """Return a LoRA from the host's memory, reading it if need be.

        Raises:
            ModelMissing, ModelBroken, BadRequest: as `judge` does.

        """
        # A file that was replaced is another one.
        key = (name, find_lora(self._folder, name).stat().st_mtime_ns)
        with self._lock:
            found = self._cache.find(key)
        if found is not None:
            return found
        weights = load_lora(self.judge(name), dtype=self._dtype, is_pinned=self._is_pinned)
        with self._lock:
            self._cache.put(key, weights)
        return weights

    def prepare(self, names: Iterable[str], *, at_once: int = 1) -> int:
        """Make room for any `at_once` of these LoRAs before a network is compiled; count them.

        What does not fit this model is passed over: it is refused when somebody asks for it.
        """
        highest: dict[str, dict[str, int]] = {}
        fitting = 0
        for name in names:
            try:
                ranks = self.judge(name).ranks()
            except RenderError as error:
                _log.warning("lora_passed_over", name=name, reason=str(error))
                continue
            fitting += 1
            for part, layers in ranks.items():
                known = highest.setdefault(part, {})
                for layer, rank in layers.items():
                    known[layer] = max(known.get(layer, 0), rank * at_once)
        for part, layers in highest.items():
            if not part.startswith(_ENCODERS):
                self._networks[part].make_room(layers)
        self._book_room()
        return fitting

    def dress(self, outfit: Sequence[LoraChoice]) -> bool:
        """Wear these LoRAs and no others; tell whether anything had to change.

        Raises:
            ModelMissing, ModelBroken, BadRequest: one of them cannot be worn; nothing is.
            OutOfMemory: there is no room for them; nothing is worn.

        """
        wanted = check_outfit(outfit)
        if wanted == self._worn:
            return False
        loras = [(self.fetch(choice.name), choice.scale) for choice in wanted]
        # Should this fail halfway, nobody is to believe that the old or the new ones are worn.
        self._worn = None
        try:
            for part, network in self._networks.items():
                adapters = [
                    Worn(pairs=lora.parts[part], scale=scale)
                    for lora, scale in loras
                    if part in lora.parts
                ]
                self._dress(part, network, adapters)
            self._book_room()
        except BaseException:
            self.strip()
            raise
        self._worn = wanted
        return True

    def undress(self) -> None:
        """Wear nothing; room stays for the next."""
        for network in self._networks.values():
            network.take_off()
        self._worn = ()

    def strip(self) -> None:
        """Wear nothing, and give all room back: every layer is as it was loaded."""
        for network in self._networks.values():
            network.strip()
        self._room.close()
        self._worn = ()

    def forget(self) -> None:
        """Give the host's cache back."""
        with self._lock:
            self._cache.forget()

    def _dress(self, part: str, network: AdaptedNetwork, adapters: Sequence[Worn]) -> None:
        network.wear(adapters)
        if not adapters and part.startswith(_ENCODERS):
            # Few LoRAs touch an encoder, and none is compiled: no room is kept there.
            network.strip()

    def _book_room(self) -> None:
        """Enter in the books what the room takes now."""
        size = sum(network.room_bytes for network in self._networks.values())
        self._room.close()
        if self._vram is not None and size:
            self._room.enter_context(self._vram.hold(_ROOM, size))


def check_outfit(outfit: Sequence[LoraChoice]) -> Outfit:
    """Return an outfit in one order, without what counts nothing.

    Raises:
        BadRequest: too many, one of them twice, or scales out of range.

    """
    wanted = tuple(sorted(choice for choice in outfit if choice.scale))
    if len(wanted) > MOST_WORN:
        raise BadRequest(f"A picture is drawn with at most {MOST_WORN} LoRAs, not {len(wanted)}.")
    names = [choice.name for choice in wanted]
    if len(set(names)) < len(names):
        raise BadRequest("The same LoRA is asked for twice.")
    if not all(-MOST_SCALE <= choice.scale <= MOST_SCALE for choice in wanted):
        raise BadRequest(f"A LoRA's scale is a number from -{MOST_SCALE:g} to {MOST_SCALE:g}.")
    return wanted
