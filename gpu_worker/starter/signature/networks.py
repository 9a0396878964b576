"""The extractor, which reads 48 bits of a picture cell by cell, and the hider it learns from."""

import math
from typing import Final

import torch
from torch import nn

BITS: Final = 48
CELL_PX: Final = 8  # what a latent becomes
# Waves that fit into a cell, up to so many to a side: of brightness, and of each of two colours.
_MOST_WAVES: Final = (3, 2, 2)
_PLANES: Final = ((1.0, 1.0, 1.0), (1.0, -1.0, 0.0), (0.5, 0.5, -1.0))
WAVES: Final = 96
_HOST: Final = 0.15  # how strong a picture's own waves are, about: where a reading is held back


def waves() -> torch.Tensor:
    """Return the waves a signature is made of, orthonormal: [96, 3, 8, 8]; none is flat."""
    down, across = torch.meshgrid(torch.arange(CELL_PX), torch.arange(CELL_PX), indexing="ij")
    found = []
    for colours, most in zip(_PLANES, _MOST_WAVES, strict=True):
        for high in range(most + 1):
            for wide in range(-most, most + 1):
                if (high, wide) <= (0, 0):  # the other half is the same waves again
                    continue
                angle = 2 * math.pi * (high * down + wide * across) / CELL_PX
                plane = torch.tensor(colours)[:, None, None]
                found += [plane * angle.cos(), plane * angle.sin()]
    stacked = torch.stack(found)
    return stacked / stacked.square().sum(dim=(1, 2, 3), keepdim=True).sqrt()


class Extractor(nn.Module):
    """Pictures [B, 3, H, W] in -1..1 → logits [B, 48]; cells begin at the upper left corner.

    It begins as a matched filter: each cell's waves, the strong ones held back, since they are the
    picture's own; what cells say is averaged, and keyed sums of waves are the bits.
    """

    def __init__(self) -> None:
        super().__init__()
        self.front = nn.Conv2d(3, WAVES, CELL_PX, stride=CELL_PX)
        self.around = nn.Conv2d(WAVES, WAVES, 3, padding=1)
        self.bits = nn.Linear(WAVES, BITS)
        with torch.no_grad():
            self.front.weight.copy_(waves() / _HOST)
            self.front.bias.zero_()  # type: ignore[union-attr]  # it has one
            self.around.weight.zero_()
            self.around.bias.zero_()  # type: ignore[union-attr]
            nn.init.orthogonal_(self.bits.weight)
            self.bits.weight.mul_(10)
            self.bits.bias.zero_()

    def forward(self, pictures: torch.Tensor) -> torch.Tensor:
        heard = torch.tanh(self.front(pictures))
        heard = heard + torch.tanh(self.around(heard))
        logits: torch.Tensor = self.bits(heard.mean(dim=(2, 3)))
        return logits


def mean_cell(pictures: torch.Tensor) -> torch.Tensor:
    """Return the mean of all whole cells of pictures [B, 3, H, W]: [3, 8, 8]."""
    count, colours, height, width = pictures.shape
    cells = pictures.reshape(count, colours, height // CELL_PX, CELL_PX, width // CELL_PX, CELL_PX)
    return cells.mean(dim=(0, 2, 4))


class Hider(nn.Module):
    """Adds any 48 bits to a picture; only the extractor's teacher, thrown away afterwards."""

    def __init__(self, extractor: Extractor) -> None:
        super().__init__()
        self.register_buffer("waves", waves())
        self.say = nn.Linear(BITS, WAVES, bias=False)
        with torch.no_grad():
            self.say.weight.copy_(extractor.bits.weight.T)

    def forward(self, pictures: torch.Tensor, bits: torch.Tensor, strength: float) -> torch.Tensor:
        """Return pictures changed by `strength` (root mean square, of -1..1) to say `bits`."""
        cell = torch.einsum("bw,wchx->bchx", self.say(bits * 2 - 1), self.get_buffer("waves"))
        cell = cell / (cell.square().mean(dim=(1, 2, 3), keepdim=True).sqrt() + 1e-6)
        down, across = (side // CELL_PX for side in pictures.shape[2:])
        return torch.clamp(pictures + strength * cell.repeat(1, 1, down, across), -1, 1)
