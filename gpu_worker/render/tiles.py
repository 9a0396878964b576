"""Works on a picture part after part where the whole does not fit into memory."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image

from gpu_worker.family import Family

# In latents: what a tile has in common with its neighbour is blended, so that no seam shows.
_LATENT_SIDE = 64
_LATENT_OVERLAP = 16
# In pixels: wider than a super-resolution network sees, so that tiles meet without a trace.
_PIXEL_SIDE = 256
_PIXEL_MARGIN = 40


@dataclass(frozen=True, kw_only=True)
class _Span:
    """Part of a side: from `begin` to `end`."""

    begin: int
    end: int


def decode_in_tiles(
    family: Family,
    latents: torch.Tensor,
    *,
    side: int = _LATENT_SIDE,
    overlap: int = _LATENT_OVERLAP,
) -> torch.Tensor:
    """Decode latents [1, channels, height, width] by tiles to [1, 3, height, width] of pixels.

    Close to what decoding at once gives, not equal: the decoder's norms see less of the picture.
    """
    scale = family.pixels_per_latent
    height, width = latents.shape[-2:]
    drawn = torch.zeros(1, 3, height * scale, width * scale)
    weights = torch.zeros(1, 1, height * scale, width * scale)
    for rows in _spans(height, side=side, overlap=overlap):
        for columns in _spans(width, side=side, overlap=overlap):
            part = latents[..., rows.begin : rows.end, columns.begin : columns.end]
            weight = torch.outer(
                _ramp(rows, height, scale=scale, overlap=overlap),
                _ramp(columns, width, scale=scale, overlap=overlap),
            )
            place = (
                ...,
                slice(rows.begin * scale, rows.end * scale),
                slice(columns.begin * scale, columns.end * scale),
            )
            drawn[place] += family.decode(part) * weight
            weights[place] += weight
    return drawn / weights


def enlarge_in_tiles(
    enlarge: Callable[[Sequence[Image.Image]], tuple[Image.Image, ...]],
    picture: Image.Image,
    *,
    scale: int,
    side: int = _PIXEL_SIDE,
    margin: int = _PIXEL_MARGIN,
) -> Image.Image:
    """Enlarge a picture by tiles, each drawn with a margin that is cut off again."""
    enlarged = Image.new("RGB", (picture.width * scale, picture.height * scale))
    for rows in _spans(picture.height, side=side, overlap=0):
        for columns in _spans(picture.width, side=side, overlap=0):
            left, top = max(0, columns.begin - margin), max(0, rows.begin - margin)
            right = min(picture.width, columns.end + margin)
            bottom = min(picture.height, rows.end + margin)
            (drawn,) = enlarge([picture.crop((left, top, right, bottom))])
            kept = drawn.crop(
                (
                    (columns.begin - left) * scale,
                    (rows.begin - top) * scale,
                    (columns.end - left) * scale,
                    (rows.end - top) * scale,
                )
            )
            enlarged.paste(kept, (columns.begin * scale, rows.begin * scale))
    return enlarged


def _spans(length: int, *, side: int, overlap: int) -> Iterator[_Span]:
    """Yield spans of at most `side` that cover a length and overlap."""
    if length <= side:
        yield _Span(begin=0, end=length)
        return
    for begin in range(0, length - overlap, side - overlap):
        yield _Span(begin=begin, end=min(begin + side, length))


def _ramp(span: _Span, length: int, *, scale: int, overlap: int) -> torch.Tensor:
    """Return how much each row of a tile counts: less towards a neighbour."""
    size = (span.end - span.begin) * scale
    weight = torch.ones(size)
    fade = min(overlap * scale, size)
    rise = (torch.arange(fade) + 1.0) / (fade + 1.0)
    if span.begin > 0:
        weight[:fade] = rise
    if span.end < length:
        weight[-fade:] = torch.minimum(weight[-fade:], rise.flip(0))
    return weight


def enlarge_meeting_edges(
    enlarge: Callable[[Sequence[Image.Image]], tuple[Image.Image, ...]],
    picture: Image.Image,
    *,
    scale: int,
    margin: int = _PIXEL_MARGIN,
) -> Image.Image:
    """Enlarge a picture whose opposite edges meet, so that they still do."""
    width, height = picture.size
    margin = min(margin, width, height)
    pads = ((margin, margin), (margin, margin), (0, 0))
    wrapped = Image.fromarray(np.pad(np.asarray(picture), pads, mode="wrap"))
    (drawn,) = enlarge([wrapped])
    left = top = margin * scale
    return drawn.crop((left, top, left + width * scale, top + height * scale))
