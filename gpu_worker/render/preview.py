"""Draws small pictures from latents, quickly: by a tiny decoder, or by colours fitted to a model.

Works on the host, on a thread of its own.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

import structlog
import torch
from PIL import Image
from torch.nn import functional

from gpu_worker.family import DiffusersPart, Family
from gpu_worker.render.decode import to_pictures
from gpu_worker.state import ModelBroken, ModelMissing, RenderError

# [pictures, channels, height, width] in latents to pictures [pictures, 3, …], about -1..1.
Decoder = Callable[[torch.Tensor], torch.Tensor]

LONGEST_SIDE: Final = 256
# Pictures a family's colours are fitted to: patches of colour, and how many of them on a side.
_FITTED_PICTURES, _PATCHES = 6, 8
_FITTED_SIDE: Final = 256

_log = structlog.get_logger(__name__)


def open_decoder(folder: Path, family: Family) -> Decoder | None:
    """Open the preview decoder a model names in a folder, or fit colours to one that names none.

    Where that fails nobody sees previews, and pictures are drawn all the same.
    """
    name = family.defaults.preview
    try:
        if name is not None:
            return open_tiny_decoder(folder / name, family)
        with torch.inference_mode():
            return fit_colours(family)
    except Exception as error:  # noqa: BLE001 - told to the operator here; no job needs it
        reason = str(error) if isinstance(error, RenderError) else type(error).__name__
        _log.warning("no_previews", reason=reason)
        return None


def open_tiny_decoder(folder: Path, family: Family) -> Decoder:
    """Open diffusers' `AutoencoderTiny` from a folder, for latents as the network counts them.

    Raises:
        ModelMissing, ModelBroken: there is none, it does not load, or is for other latents.

    """
    if not folder.is_dir():
        raise ModelMissing(f"There is no preview decoder at {folder}.")
    from diffusers import AutoencoderTiny

    try:
        tiny: DiffusersPart = AutoencoderTiny.from_pretrained(
            folder, torch_dtype=torch.float32, use_safetensors=True, local_files_only=True
        )
    except Exception as error:  # whatever the library raises over odd files
        raise ModelBroken(f"{folder} could not be loaded ({type(error).__name__}).") from error
    if tiny.config.latent_channels != family.latent_channels:
        raise ModelBroken(f"{folder} is for latents of {tiny.config.latent_channels} channels.")
    tiny.eval()
    most = LONGEST_SIDE // family.pixels_per_latent

    def decode(latents: torch.Tensor) -> torch.Tensor:
        decoded: torch.Tensor = tiny.decode(_shrink(latents, most)).sample
        return decoded

    return decode


def fit_colours(family: Family) -> Decoder:
    """Fit what colour each latent means, by least squares over what the model's encoder says.

    One run of the encoder over a few patchworks; on the thread that owns the device.
    """
    generator = torch.Generator("cpu").manual_seed(0)
    side = max(_FITTED_SIDE, family.side_multiple)
    rows, colours = [], []
    for _ in range(_FITTED_PICTURES):
        patches = torch.rand(1, 3, _PATCHES, _PATCHES, generator=generator) * 2 - 1
        pixels = functional.interpolate(patches, size=(side, side), mode="bicubic").clamp(-1, 1)
        latents = family.encode_picture(pixels, [generator]).float().cpu()
        rows.append(latents.flatten(2)[0].T)
        small = functional.interpolate(pixels, size=latents.shape[2:], mode="area")
        colours.append(small.flatten(2)[0].T)
    numbers = torch.cat(rows)
    numbers = torch.cat([numbers, torch.ones(len(numbers), 1)], dim=1)
    fitted = torch.linalg.lstsq(numbers, torch.cat(colours)).solution

    def decode(latents: torch.Tensor) -> torch.Tensor:
        latents = _shrink(latents, LONGEST_SIDE)
        drawn = torch.einsum("nchw,ck->nkhw", latents, fitted[:-1]) + fitted[-1].view(1, 3, 1, 1)
        scale = min(family.pixels_per_latent, LONGEST_SIDE // max(drawn.shape[2:]))
        return functional.interpolate(drawn, scale_factor=max(1, scale), mode="bilinear")

    return decode


def draw_small(decoder: Decoder, latents: torch.Tensor) -> Sequence[Image.Image]:
    """Return a small picture for each row of latents."""
    with torch.inference_mode():
        return to_pictures(decoder(latents).float())


def _shrink(latents: torch.Tensor, most: int) -> torch.Tensor:
    """Return latents whose longer side is `most` or less, by whole numbers."""
    factor = -(-max(latents.shape[2:]) // most)
    return functional.avg_pool2d(latents, factor) if factor > 1 else latents
