"""Makes finished pictures larger with a small super-resolution network of the "Compact" kind.

Reads the layout in which such networks are published (`body.0.weight` and so on), so that another
one, such as Real-ESRGAN's realesr-general-x4v3, can take the place of ours.
"""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn
from torch.nn import functional

from gpu_worker.state import ModelBroken, ModelMissing

_ENTRY = re.compile(r"body\.(\d+)\.(weight|bias)")
_COLOURS = 3
_MOST_SCALE = 8


class CompactNetwork(nn.Module):
    """A row of convolutions at the small size; a last one draws what a larger copy lacks."""

    def __init__(self, *, width: int, depth: int, scale: int) -> None:
        super().__init__()
        self.scale: int = scale
        self.channels: int = width
        layers: list[nn.Module] = []
        for channels in (_COLOURS, *(width,) * depth):
            layers += [nn.Conv2d(channels, width, 3, padding=1), nn.PReLU(width)]
        layers.append(nn.Conv2d(width, _COLOURS * scale**2, 3, padding=1))
        self.body = nn.Sequential(*layers)

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        """Enlarge pictures in 0..1: [B, 3, H, W] to [B, 3, H * scale, W * scale]."""
        details = functional.pixel_shuffle(self.body(pixels), self.scale)
        return details + functional.interpolate(pixels, scale_factor=self.scale, mode="nearest")


class Upscaler:
    """Enlarges pictures on a device, one by one, in float32: fewer bits would tint flat areas."""

    def __init__(self, *, network: CompactNetwork, device: torch.device) -> None:
        self._network = network.eval().to(device, torch.float32)
        self._device = device

    @property
    def scale(self) -> int:
        """How many times as wide and as high pictures become."""
        return self._network.scale

    @property
    def channels(self) -> int:
        """How many numbers it keeps of each pixel while it works."""
        return self._network.channels

    def enlarge(self, pictures: Sequence[Image.Image]) -> tuple[Image.Image, ...]:
        """Return RGB pictures `scale` times as wide and as high."""
        with torch.inference_mode():
            return tuple(self._enlarge(picture) for picture in pictures)

    def _enlarge(self, picture: Image.Image) -> Image.Image:
        values = torch.from_numpy(np.array(picture.convert("RGB")))
        pixels = values.to(self._device).unsqueeze(0).permute(0, 3, 1, 2).float() / 255
        drawn = (self._network(pixels).clamp(0, 1) * 255).round().to(torch.uint8)
        return Image.fromarray(drawn[0].permute(1, 2, 0).cpu().numpy())


def open_named(
    folder: Path, name: str | None, *, scale: int, device: torch.device
) -> Upscaler | None:
    """Open the upscaler of a name, or else the folder's own for a scale; scale 1 needs none.

    Raises:
        ModelMissing, ModelBroken: as `open_upscaler` does.

    """
    if scale == 1:
        return None
    return open_upscaler(folder / f"{name or f'x{scale}'}.safetensors", scale=scale, device=device)


def open_enlarger(folder: Path, name: str | None, *, device: torch.device) -> Upscaler | None:
    """Open what makes delivered pictures larger: by its name, else the folder's x2 or x4, if any.

    Raises:
        ModelMissing, ModelBroken: as `open_upscaler` does.

    """
    if name is not None:
        return open_upscaler(folder / f"{name}.safetensors", scale=None, device=device)
    for own in ("x2", "x4"):
        path = folder / f"{own}.safetensors"
        if path.is_file():
            return open_upscaler(path, scale=None, device=device)
    return None


def open_upscaler(path: Path, *, scale: int | None, device: torch.device) -> Upscaler:
    """Load a network from a safetensors file, and check that it enlarges by `scale`, if given.

    Raises:
        ModelMissing: there is no such file.
        ModelBroken: it is no safetensors file, of another layout or of another scale.

    """
    if not path.is_file():
        raise ModelMissing(f"There is no upscaler at {path}.")
    try:
        state = load_file(path)
    except (SafetensorError, OSError) as error:
        raise ModelBroken(f"{path} cannot be read as a safetensors file.") from error
    try:
        network = build_like(state)
    except ValueError as error:
        raise ModelBroken(f"{path} holds no Compact upscaler: {error}.") from error
    if network.scale != (scale or network.scale):
        raise ModelBroken(f"{path} enlarges by {network.scale}, where {scale} was asked for.")
    return Upscaler(network=network, device=device)


def build_like(state: Mapping[str, torch.Tensor]) -> CompactNetwork:
    """Build the network that weights belong to, and load them.

    Raises:
        ValueError: the weights have another layout; the message says how they differ.

    """
    matches = [_ENTRY.fullmatch(name) for name in state]
    if not state or not all(matches):
        strange = next((name for name, match in zip(state, matches, strict=True) if not match), "")
        raise ValueError(f"it has {strange!r} where only body.N.weight and body.N.bias belong")
    last = max(int(match[1]) for match in matches if match)
    ends = state.get("body.0.weight"), state.get(f"body.{last}.weight")
    if last < 2 or last % 2 or len(state) != 3 * (last // 2) + 2:
        raise ValueError("it is no row of convolutions with slopes between")
    if any(end is None or end.ndim != 4 for end in ends):
        raise ValueError("it does not begin and end with a convolution")
    width, outputs = (int(end.shape[0]) for end in ends if end is not None)
    scale = round((outputs / _COLOURS) ** 0.5)
    if outputs != _COLOURS * scale**2 or not 1 <= scale <= _MOST_SCALE:
        raise ValueError(f"{outputs} outputs are no picture of three colours enlarged")
    # Without memory of its own: what does not fit together may be of any size.
    with torch.device("meta"):
        network = CompactNetwork(width=width, depth=last // 2 - 1, scale=scale)
    try:
        network.load_state_dict(dict(state), assign=True)
    except RuntimeError as error:
        # The message lists every name and shape, over many lines.
        raise ValueError("its parts do not fit together") from error
    return network
