"""Dresses a loaded model with LoRAs by name: finds, judges, caches and changes them.

The host's memory caches as many as its bytes allow, so that a change costs only copies; reading one
from disk can be done ahead, on another thread, while the engine draws.
"""

import threading
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import structlog
from torch import nn

from backend.contracts import LoraUse, ModelFamily
from gpu_worker.compose.adapters import AdaptedNetwork, Worn
from gpu_worker.compose.byte_cache import ByteCache
from gpu_worker.compose.lora import LoraWeights, load_lora
from gpu_worker.compose.lora_facts import LoraFacts, read_facts
from gpu_worker.compose.lora_files import find_lora
from gpu_worker.compose.lora_names import LayerNames, parts_of
from gpu_worker.family import LoadedModel
from gpu_worker.state import BadRequest, RenderError
from gpu_worker.vram.manager import VramManager

# More at once blur each other; and their ranks have to fit side by side.
MOST_WORN = 4
_ENCODERS = "text_encoder"
_ROOM = "room for LoRAs"
_log = structlog.get_logger(__name__)

# A LoRA's name, and when its file was written.
_Key = tuple[str, int]
# What a model wears: jobs that ask for the same can share a forward pass.
Outfit = tuple[LoraUse, ...]


class Wardrobe:
    """The LoRAs of one loaded model. Dressing is the engine's; all else is for any thread.

    `worth` says of a name how much it is worth to have it cached; who is worth least leaves first.
    """

    def __init__(
        self,
        *,
        model: LoadedModel,
        family: ModelFamily,
        folder: Path,
        cached_bytes: int,
        vram: VramManager | None = None,
        worth: Callable[[str], float] = lambda _name: 0.0,
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
        self._cache: ByteCache[_Key, LoraWeights] = ByteCache(
            most_bytes=cached_bytes,
            weigh=lambda weights: weights.size_bytes,
            worth=lambda key: worth(key[0]),
        )
        self._in_hand: dict[_Key, LoraWeights] = {}
        self._holders: Counter[_Key] = Counter()
        self._lock = threading.Lock()
        self._room = ExitStack()
        # None while nobody knows what a network wears.
        self._worn: dict[str, Outfit | None] = dict.fromkeys(self._networks, ())

    @property
    def worn(self) -> Outfit:
        """What the model wears now."""
        return max((worn or () for worn in self._worn.values()), key=len, default=())

    @property
    def rebuilds(self) -> int:
        """How often room was made or grew since the model was loaded."""
        return sum(network.rebuilds for network in self._networks.values())

    def cached(self) -> frozenset[str]:
        """Return the names of the LoRAs that lie in the host's memory."""
        with self._lock:
            return frozenset(name for name, _ in (*self._cache, *self._in_hand))

    def judge(self, name: str) -> LoraFacts:
        """Return what a LoRA's header says: rank, layers, the words that call its style.

        Raises:
            AdapterMissing, AdapterBroken, AdapterUnfit: it is not there, not sound, or for another
                model.

        """
        path = find_lora(self._folder, name)
        return read_facts(path, name=name, family=self._family, names=self._names)

    def fetch(self, name: str) -> LoraWeights:
        """Return a LoRA from the host's memory, reading it if need be.

        Raises:
            AdapterMissing, AdapterBroken, AdapterUnfit: as `judge` does.

        """
        key = self._key(name)
        with self._lock:
            found = self._cache.find(key) or self._in_hand.get(key)
        if found is not None:
            return found
        weights = load_lora(self.judge(name), dtype=self._dtype, is_pinned=self._is_pinned)
        with self._lock:
            self._cache.put(key, weights)
        return weights

    @contextmanager
    def hold(self, outfit: Sequence[LoraUse]) -> Iterator[None]:
        """Have an outfit in the host's memory while the block runs, however full the cache is.

        Raises:
            AdapterMissing, AdapterBroken, AdapterUnfit, BadRequest: it cannot be worn.

        """
        names = [use.name for use in check_outfit(outfit)]
        held = {self._key(name): self.fetch(name) for name in names}
        with self._lock:
            self._in_hand |= held
            self._holders.update(held.keys())
        try:
            yield
        finally:
            with self._lock:
                self._holders.subtract(held.keys())
                for key in held:
                    if not self._holders[key]:
                        del self._holders[key], self._in_hand[key]

    @property
    def cache(self) -> ByteCache[_Key, LoraWeights]:
        """What lies in the host's memory; to be read for its figures, not for what it holds."""
        return self._cache

    def prepare(self, names: Iterable[str], *, at_once: int = 1) -> tuple[str, ...]:
        """Make room for any `at_once` of these LoRAs before a network is compiled; return them.

        What does not fit this model is passed over: it is refused when somebody asks for it.
        """
        highest: dict[str, dict[str, int]] = {}
        fitting: list[str] = []
        for name in names:
            try:
                ranks = self.judge(name).ranks()
            except RenderError as error:
                _log.warning("lora_passed_over", name=name, reason=str(error))
                continue
            fitting.append(name)
            for part, layers in ranks.items():
                known = highest.setdefault(part, {})
                for layer, rank in layers.items():
                    known[layer] = max(known.get(layer, 0), rank * at_once)
        for part, layers in highest.items():
            if not _is_encoder(part):
                self._networks[part].make_room(layers)
        self._book_room()
        return tuple(fitting)

    def dress(self, outfit: Sequence[LoraUse]) -> bool:
        """Wear these LoRAs and no others; tell whether anything had to change.

        Raises:
            AdapterMissing, AdapterBroken, AdapterUnfit, BadRequest: one of them cannot be worn;
                nothing is.
            OutOfMemory: there is no room for them; nothing is worn.

        """
        return self._dress(self._networks.keys(), outfit)

    def dress_network(self, outfit: Sequence[LoraUse]) -> bool:
        """Have what draws wear these LoRAs, as `dress` does; the text encoders stay as they are."""
        return self._dress([part for part in self._networks if not _is_encoder(part)], outfit)

    def dress_encoders(self, outfit: Sequence[LoraUse]) -> Outfit:
        """Have the text encoders wear these LoRAs, as `dress` does; return those that touch them.

        What draws stays as it is.
        """
        encoders = [part for part in self._networks if _is_encoder(part)]
        self._dress(encoders, outfit)
        wanted = check_outfit(outfit)
        return tuple(
            use for use in wanted if any(part in self.fetch(use.name).parts for part in encoders)
        )

    def words_for(self, outfit: Sequence[LoraUse]) -> tuple[str, ...]:
        """Return the words that call the styles of an outfit, as their makers wrote in the files.

        A LoRA that is to lead away from its style is not called.
        """
        called = (
            self.fetch(use.name).trigger_words for use in check_outfit(outfit) if use.scale > 0
        )
        return tuple(dict.fromkeys(word for words in called for word in words))

    def undress(self) -> None:
        """Wear nothing; room stays for the next."""
        for network in self._networks.values():
            network.take_off()
        self._worn = dict.fromkeys(self._networks, ())

    def strip(self) -> None:
        """Wear nothing, and give all room back: every layer is as it was loaded."""
        for network in self._networks.values():
            network.strip()
        self._room.close()
        self._worn = dict.fromkeys(self._networks, ())

    def forget(self) -> None:
        """Give the host's cache back."""
        with self._lock:
            self._cache.forget()

    def _key(self, name: str) -> _Key:
        # A file that was replaced is another one.
        return name, find_lora(self._folder, name).stat().st_mtime_ns

    def _dress(self, parts: Iterable[str], outfit: Sequence[LoraUse]) -> bool:
        wanted = check_outfit(outfit)
        stale = [part for part in parts if self._worn[part] != wanted]
        if not stale:
            return False
        loras = [(self.fetch(use.name), use.scale) for use in wanted]
        try:
            for part in stale:
                # Should this fail halfway, nobody is to believe that the old or the new are worn.
                self._worn[part] = None
                self._dress_one(part, loras)
                self._worn[part] = wanted
            self._book_room()
        except BaseException:
            self.strip()
            raise
        return True

    def _dress_one(self, part: str, loras: Sequence[tuple[LoraWeights, float]]) -> None:
        network = self._networks[part]
        adapters = [
            Worn(pairs=lora.parts[part], scale=scale) for lora, scale in loras if part in lora.parts
        ]
        network.wear(adapters)
        if not adapters and _is_encoder(part):
            # Few LoRAs touch an encoder, and none is compiled: no room is kept there.
            network.strip()

    def _book_room(self) -> None:
        """Enter in the books what the room takes now."""
        size = sum(network.room_bytes for network in self._networks.values())
        self._room.close()
        if self._vram is not None and size:
            self._room.enter_context(self._vram.hold(_ROOM, size))


def _is_encoder(part: str) -> bool:
    return part.startswith(_ENCODERS)


def check_outfit(outfit: Sequence[LoraUse]) -> Outfit:
    """Return an outfit in one order, without what counts nothing.

    Raises:
        BadRequest: too many, one of them twice, or scales out of range.

    """
    wanted = sorted((use for use in outfit if use.scale), key=lambda use: (use.name, use.scale))
    if len(wanted) > MOST_WORN:
        raise BadRequest(f"A picture is drawn with at most {MOST_WORN} LoRAs, not {len(wanted)}.")
    names = [use.name for use in wanted]
    if len(set(names)) < len(names):
        raise BadRequest("The same LoRA is asked for twice.")
    return tuple(wanted)
