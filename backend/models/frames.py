"""How large a model's pictures are, by its folder's own configuration; no tensor is read."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from backend.contracts import fit_ratio
from backend.domain.families import ModelFamily
from backend.domain.prompts import AspectRatio
from backend.models.folders import BadModelFolder

# From this side on networks were trained on sides of whole 64s.
LARGE_SIDE: Final = 512
LARGE_MULTIPLE: Final = 64
FLUX_PATCH: Final = 2


@dataclass(frozen=True, kw_only=True)
class Frame:
    """What decides a picture's size (pixels), and how many steps the model takes by itself.

    Pictures are shown `display_scale` times as wide and high as they are drawn.
    """

    native_side: int
    side_multiple: int
    longest_side: int
    display_scale: int = 1
    steps: int | None = None

    def size_of(self, ratio: AspectRatio) -> tuple[int, int]:
        """Return the width and height in which a picture of this ratio is drawn."""
        return fit_ratio(
            aspect_width=ratio.width,
            aspect_height=ratio.height,
            native_side=self.native_side,
            side_multiple=self.side_multiple,
            longest_side=self.longest_side,
        )

    def shown_size_of(self, ratio: AspectRatio) -> tuple[int, int]:
        """Return the width and height in which it is shown."""
        width, height = self.size_of(ratio)
        return width * self.display_scale, height * self.display_scale


def read_frame(folder: Path, family: ModelFamily) -> Frame:
    """Read a diffusers folder of a family.

    Raises:
        BadModelFolder: it does not say what is needed.

    """
    try:
        native, multiple, longest = _sides(folder, family)
        sidecar = folder / "impasto.json"
        own = _read(sidecar) if sidecar.is_file() else {}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadModelFolder(f"{folder} does not say how large its pictures are.") from error
    return Frame(
        native_side=native,
        side_multiple=multiple,
        longest_side=longest,
        display_scale=int(own.get("display_scale", 1)),
        steps=own.get("steps"),
    )


def _sides(folder: Path, family: ModelFamily) -> tuple[int, int, int]:
    """Return the native side, what sides are multiples of, and the longest there can be."""
    vae = _read(folder / "vae" / "config.json")
    pixels_per_latent = 2 ** (len(vae["block_out_channels"]) - 1)
    match family:
        case ModelFamily.SDXL:
            unet = _read(folder / "unet" / "config.json")
            native = unet["sample_size"] * pixels_per_latent
            multiple = pixels_per_latent * 2 ** (len(unet["block_out_channels"]) - 1)
        case ModelFamily.SD3:
            network = _read(folder / "transformer" / "config.json")
            native = network["sample_size"] * pixels_per_latent
            multiple = pixels_per_latent * network["patch_size"]
            longest = network["pos_embed_max_size"] * multiple
            return native, _coarsened(native, multiple), longest
        case ModelFamily.FLUX:
            native = vae["sample_size"]
            multiple = pixels_per_latent * FLUX_PATCH
    multiple = _coarsened(native, multiple)
    return native, multiple, native**2 // multiple


def _coarsened(native: int, multiple: int) -> int:
    return LARGE_MULTIPLE if native >= LARGE_SIDE else multiple


def _read(path: Path) -> Mapping[str, Any]:
    content = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(content, dict):
        raise TypeError(f"{path} is not a JSON object")
    return content
