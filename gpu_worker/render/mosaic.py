"""Large latents seen as overlapping tiles of the size a network knows, and put together again.

What the network says of a place is the mean over the tiles that hold it, weighted towards their
middles, so that all tiles go on as one picture and no seam shows.
"""

from dataclasses import dataclass

import torch


@dataclass(frozen=True, kw_only=True)
class Mosaic:
    """Where the tiles lie; all sides in latents."""

    height: int
    width: int
    tile_height: int
    tile_width: int
    places: tuple[tuple[int, int], ...]  # top and left of each tile

    @property
    def tile_shape(self) -> tuple[int, int]:
        """Return the height and width of a tile."""
        return self.tile_height, self.tile_width

    def cut(self, latents: torch.Tensor) -> torch.Tensor:
        """Return all tiles of each row, [rows * tiles, channels, tile height, tile width]."""
        tiles = [
            latents[..., top : top + self.tile_height, left : left + self.tile_width]
            for top, left in self.places
        ]
        return torch.stack(tiles, dim=1).flatten(0, 1)

    def join(self, tiles: torch.Tensor) -> torch.Tensor:
        """Return tiles put together again, [rows, channels, height, width]."""
        rows = tiles.view(-1, len(self.places), *tiles.shape[1:]).float()
        weight = torch.outer(_hill(self.tile_height), _hill(self.tile_width)).to(rows.device)
        shape = (rows.shape[0], rows.shape[2], self.height, self.width)
        total = torch.zeros(shape, device=rows.device)
        weights = torch.zeros(self.height, self.width, device=rows.device)
        for index, (top, left) in enumerate(self.places):
            down, across = (
                slice(top, top + self.tile_height),
                slice(left, left + self.tile_width),
            )
            total[..., down, across] += rows[:, index] * weight
            weights[down, across] += weight
        return (total / weights).to(tiles.dtype)


def tile(height: int, width: int, *, side: int) -> Mosaic:
    """Cover latents by tiles of at most `side`, a quarter of which overlaps."""
    tile_height, tile_width = min(height, side), min(width, side)
    places = tuple(
        (top, left) for top in _begins(height, tile_height) for left in _begins(width, tile_width)
    )
    return Mosaic(
        height=height,
        width=width,
        tile_height=tile_height,
        tile_width=tile_width,
        places=places,
    )


def _begins(length: int, side: int) -> list[int]:
    """Return where tiles begin that are spread evenly over a length."""
    if length <= side:
        return [0]
    stride = side - side // 4
    count = -(-(length - side) // stride) + 1
    return [round(index * (length - side) / (count - 1)) for index in range(count)]


def _hill(length: int) -> torch.Tensor:
    """Return weights that rise to the middle, and are nowhere nothing."""
    half = torch.arange(length) + 0.5
    return torch.minimum(half, length - half) / (length / 2)
