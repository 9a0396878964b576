"""What becomes of pictures out there, so that gradients still pass: crops, sizes, JPEG, light."""

from io import BytesIO
from random import Random
from typing import Final

import numpy
import torch
from PIL import Image
from torch.nn import functional

from gpu_worker.starter.signature.networks import CELL_PX

LEAST_AREA: Final = 0.4
_SIZES: Final = (0.5, 2.0)
_QUALITIES: Final = (45, 95)
_WEBP_SHARE: Final = 0.3
_LIGHT: Final = 0.3
# How far off a reader may be that tries places half a pixel apart, and sizes.
_OFF_PX: Final = 0.3
_OFF_SIZE: Final = 0.004


def weather(
    pictures: torch.Tensor, random: Random, *, roughness: float = 1.0, shown_at: int = 1
) -> torch.Tensor:
    """Return pictures after something that may happen to them; 0 leaves them as they are.

    What is shown enlarged meets sizes and JPEG enlarged, and comes back.
    """
    if random.random() > roughness:
        return pictures
    if random.random() < 0.5:
        pictures = cut(pictures, random, area=random.uniform(LEAST_AREA, 1.0))
    if random.random() < 0.2:
        pictures = lighten(pictures, 1 + random.uniform(-_LIGHT, _LIGHT))
    if random.random() < 0.5:
        pictures = misplace(pictures, random)
    size = random.uniform(*_SIZES) if random.random() < 0.3 else 1.0
    if size != 1.0:
        pictures = resize_and_back(pictures, size * shown_at)
    if random.random() < 0.6:
        kind = "WEBP" if random.random() < _WEBP_SHARE else "JPEG"
        sent_at = max(1, round(min(size, 1.0) * shown_at))
        pictures = compress(pictures, random.randint(*_QUALITIES), kind=kind, shown_at=sent_at)
    return pictures


def cut(pictures: torch.Tensor, random: Random, *, area: float) -> torch.Tensor:
    """Return a part of this share of the area, of the same proportions, whole cells of it.

    A reader does not know where cells begin; it tries every place, and the extractor need not.
    """
    height, width = (side // CELL_PX for side in pictures.shape[2:])
    down, across = (max(2, round(side * area**0.5)) for side in (height, width))
    top, left = random.randint(0, height - down), random.randint(0, width - across)
    rows = slice(top * CELL_PX, (top + down) * CELL_PX)
    return pictures[:, :, rows, left * CELL_PX : (left + across) * CELL_PX]


def resize_and_back(pictures: torch.Tensor, factor: float) -> torch.Tensor:
    """Return the same after it was larger or smaller for a while."""
    height, width = pictures.shape[2:]
    between = _resize(pictures, round(height * factor), round(width * factor))
    return _resize(between, height, width)


def _resize(pictures: torch.Tensor, height: int, width: int) -> torch.Tensor:
    return functional.interpolate(
        pictures, size=(height, width), mode="bilinear", align_corners=False, antialias=True
    )


def lighten(pictures: torch.Tensor, factor: float) -> torch.Tensor:
    """Return the same, brighter or darker by this factor."""
    return ((pictures + 1) * factor - 1).clamp(-1, 1)


def misplace(pictures: torch.Tensor, random: Random) -> torch.Tensor:
    """Return the same, a fraction of a pixel aside and a little larger or smaller."""
    height, width = pictures.shape[2:]
    scale = 1 + random.uniform(-_OFF_SIZE, _OFF_SIZE)
    aside = [2 * random.uniform(-_OFF_PX, _OFF_PX) / side for side in (width, height)]
    turn = torch.tensor([[scale, 0.0, aside[0]], [0.0, scale, aside[1]]]).to(pictures)
    grid = functional.affine_grid(
        turn.expand(len(pictures), 2, 3), list(pictures.shape), align_corners=False
    )
    return functional.grid_sample(pictures, grid, padding_mode="reflection", align_corners=False)


def compress(
    pictures: torch.Tensor, quality: int, *, kind: str = "JPEG", shown_at: int = 1
) -> torch.Tensor:
    """Return what a lossy file leaves of pictures; gradients pass as if it left everything."""
    values = ((pictures.detach() + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
    shown = values.repeat_interleave(shown_at, dim=2).repeat_interleave(shown_at, dim=3)
    rows = shown.permute(0, 2, 3, 1).cpu().numpy()
    left = numpy.stack([_through(row, kind, quality) for row in rows])
    seen = torch.from_numpy(left).to(pictures).permute(0, 3, 1, 2) / 127.5 - 1
    seen = functional.avg_pool2d(seen, shown_at)
    return pictures + (seen - pictures).detach()


def _through(pixels: numpy.ndarray, kind: str, quality: int) -> numpy.ndarray:
    buffer = BytesIO()
    Image.fromarray(pixels).save(buffer, format=kind, quality=quality, method=0)
    return numpy.asarray(Image.open(buffer))
