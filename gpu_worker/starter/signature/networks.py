"""The extractor, which reads 48 bits of a picture cell by cell, and the hider it learns from."""

from typing import Final

import torch
from torch import nn

BITS: Final = 48
CELL_PX: Final = 8  # what a latent becomes
_WIDTHS: Final = (96, 96, 64)
_SPOKEN: Final = 128


def _block(into: int, out: int, *, size: int, stride: int = 1, padding: int = 0) -> nn.Sequential:
    convolution = nn.Conv2d(into, out, size, stride=stride, padding=padding, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(out), nn.ReLU())


class Extractor(nn.Module):
    """Pictures [B, 3, H, W] in -1..1 → logits [B, 48]; cells begin at the upper left corner."""

    def __init__(self) -> None:
        super().__init__()
        first, second, third = _WIDTHS
        self.blocks = nn.ModuleList(
            [
                _block(3, first, size=CELL_PX, stride=CELL_PX),
                _block(first, second, size=3, padding=1),
                _block(second, third, size=1),
            ]
        )
        self.bits = nn.Linear(third, BITS)

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        values = pictures
        for block in self.blocks:
            values = block(values)
        logits: torch.Tensor = self.bits(values.mean(dim=(2, 3)))
        return logits

    @torch.no_grad()
    def plain_weights(self) -> dict[str, torch.Tensor]:
        """Return convolutions with their norms folded in: what the reader needs, and no more."""
        weights = {"bits.weight": self.bits.weight, "bits.bias": self.bits.bias}
        for number, block in enumerate(self.blocks):
            state = block.state_dict()
            gain = state["1.weight"] / (state["1.running_var"] + 1e-5).sqrt()
            weights[f"blocks.{number}.weight"] = state["0.weight"] * gain[:, None, None, None]
            weights[f"blocks.{number}.bias"] = state["1.bias"] - state["1.running_mean"] * gain
        return {name: tensor.detach().float().contiguous() for name, tensor in weights.items()}


class Hider(nn.Module):
    """Adds any 48 bits to a picture; only the extractor's teacher, thrown away afterwards."""

    def __init__(self) -> None:
        super().__init__()
        self.say = nn.Sequential(
            nn.Linear(BITS, _SPOKEN), nn.ReLU(), nn.Linear(_SPOKEN, 3 * CELL_PX**2)
        )
        self.plainly = nn.Linear(BITS, 3 * CELL_PX**2, bias=False)

    def forward(self, pictures: torch.Tensor, bits: torch.Tensor, strength: float) -> torch.Tensor:
        """Return pictures changed by `strength` (root mean square, of -1..1) to say `bits`."""
        signs = bits * 2 - 1
        cell = (self.say(signs) + self.plainly(signs)).view(-1, 3, CELL_PX, CELL_PX)
        cell = cell / (cell.square().mean(dim=(1, 2, 3), keepdim=True).sqrt() + 1e-6)
        down, across = (side // CELL_PX for side in pictures.shape[2:])
        return torch.clamp(pictures + strength * cell.repeat(1, 1, down, across), -1, 1)
