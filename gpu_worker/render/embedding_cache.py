"""Keeps what encoders made of recent words: most jobs share their negative prompt, many all."""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from hashlib import blake2b

from backend.contracts import LoraUse
from gpu_worker.family import ReadText, TextEncoder
from gpu_worker.render.words import Tokens

# Some hundred of SDXL's, some thirty of Flux's.
MOST_BYTES = 128 * 1024 * 1024


class EmbeddingCache:
    """The most recently used embeddings, up to a number of bytes, on the device they were made on.

    Keys are digests of content, so that no prompt is kept.
    """

    def __init__(self, *, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._kept: OrderedDict[bytes, ReadText] = OrderedDict()
        self._kept_bytes = 0
        self._worn: tuple[LoraUse, ...] = ()
        self.hits = 0
        self.misses = 0

    def wear(self, outfit: Sequence[LoraUse]) -> None:
        """Keep apart what encoders make while they wear these LoRAs, each at its scale."""
        self._worn = tuple(outfit)

    def get(
        self, encoder: TextEncoder, rows: Sequence[Tokens], read: Callable[[], ReadText]
    ) -> ReadText:
        """Return what the encoder makes of these rows, by `read` where it is not known."""
        key = _digest(encoder, rows, self._worn)
        known = self._kept.get(key)
        if known is not None:
            self._kept.move_to_end(key)
            self.hits += 1
            return known
        self.misses += 1
        made = read()
        self._kept[key] = made
        self._kept_bytes += made.size_bytes
        while self._kept_bytes > self._most_bytes:
            _, oldest = self._kept.popitem(last=False)
            self._kept_bytes -= oldest.size_bytes
        return made

    def forget(self) -> None:
        """Drop everything: an encoder's weights have changed, or memory is short."""
        self._kept.clear()
        self._kept_bytes = 0

    @property
    def size_bytes(self) -> int:
        """Return how much is kept."""
        return self._kept_bytes


def _digest(encoder: TextEncoder, rows: Sequence[Tokens], worn: Sequence[LoraUse]) -> bytes:
    words = [(row.ids, row.weights) for row in rows]
    outfit = [(use.name, use.scale) for use in worn]
    content = (encoder.name, encoder.kind, outfit, words)
    return blake2b(repr(content).encode()).digest()
