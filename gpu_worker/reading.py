"""Reads what there is to watch of a renderer: its memory, its caches, what it has compiled."""

import torch

from gpu_worker.compose.compiling import count_compilations
from gpu_worker.compose.wardrobe import Wardrobe
from gpu_worker.render.pipeline import Renderer
from gpu_worker.vitals import ArtistReading, CacheReading, MemoryReading
from gpu_worker.vram.manager import VramManager
from gpu_worker.vram.probe import measure_memory
from gpu_worker.vram.recovery import Recovery


def read_artist(
    renderer: Renderer,
    wardrobe: Wardrobe,
    recovery: Recovery,
    books: VramManager,
    device: torch.device,
) -> ArtistReading:
    """Return the figures of this moment; from any thread, while the engine draws."""
    words, loras = renderer.embeddings, wardrobe.cache
    return ArtistReading(
        memory=_read_memory(books, device),
        caches={
            "embeddings": CacheReading(
                hits=words.hits, misses=words.misses, size_bytes=words.size_bytes
            ),
            "loras": CacheReading(
                hits=loras.hits, misses=loras.misses, size_bytes=loras.used_bytes
            ),
        },
        ran_out={stage.value: count for stage, count in recovery.ran_out.copy().items()},
        compilations=count_compilations(),
    )


def _read_memory(books: VramManager, device: torch.device) -> MemoryReading:
    use, measured = books.look(), measure_memory(device)
    return MemoryReading(
        lent_bytes=use.used_bytes,
        lendable_bytes=use.usable_bytes,
        allocated_bytes=measured.allocated_bytes,
        reserved_bytes=measured.reserved_bytes,
        free_bytes=measured.free_bytes,
        evictions=use.evictions,
        refusals=use.refusals,
    )
