"""Opens the books of a model's memory: how much is left beside it, and what its work takes."""

from collections.abc import Callable
from math import isqrt

import torch

from gpu_worker.family import Family, LoadedModel
from gpu_worker.vram.budget import ActivationProfile, Budget
from gpu_worker.vram.manager import VramManager
from gpu_worker.vram.probe import measure_memory
from gpu_worker.vram.work_memory import WorkMemory

# For the driver, the libraries' workspaces, and the gaps between blocks.
_RESERVED_SHARE = 0.08
# What a transformer reads beside the picture: T5's longest text.
_TEXT_CELLS = 512


def open_books(
    device: torch.device, *, expect_uses: Callable[[str], float] = lambda _name: 0.0
) -> VramManager:
    """Open the books over what is free on a device now; a CPU's memory is the host's."""
    free_bytes = measure_memory(device).free_bytes
    return VramManager(
        budget=Budget(device_bytes=free_bytes, reserved_bytes=int(free_bytes * _RESERVED_SHARE)),
        expect_uses=expect_uses,
    )


def open_work_memory(manager: VramManager, model: LoadedModel, family: Family) -> WorkMemory:
    """Lend memory to the work of a model, which is loaded and not in these books."""
    return WorkMemory(manager=manager, profile=profile_of(model, family))


def profile_of(model: LoadedModel, family: Family) -> ActivationProfile:
    """Return what of a model decides how much memory its work takes."""
    pipeline = model.pipeline
    side = family.native_side
    cells_on_a_side = isqrt(family.count_tokens(width=side, height=side))
    unet = getattr(pipeline, "unet", None)
    if unet is not None:
        width, text_cells = int(unet.config.block_out_channels[0]), 0
    else:
        config = pipeline.transformer.config
        width = int(config.num_attention_heads) * int(config.attention_head_dim)
        text_cells = _TEXT_CELLS
    vae = pipeline.vae
    # A VAE that overflows in float16 is raised to float32 while it works.
    is_raised = vae.dtype == torch.float16 and bool(vae.config.force_upcast)
    return ActivationProfile(
        network_width=width,
        pixels_per_cell=side // cells_on_a_side,
        text_cells=text_cells,
        vae_width=int(vae.config.block_out_channels[0]),
        network_bytes=model.dtype.itemsize,
        vae_bytes=4 if is_raised else vae.dtype.itemsize,
    )
