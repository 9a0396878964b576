"""Several pictures as one: two by two in WebP, made to fit a size in bytes."""

import io
from collections.abc import Sequence

from PIL import Image

_COLUMNS = 2
_GAP_PIXELS = 4
# From best to smallest: WebP quality and scale of the whole grid.
_ATTEMPTS = ((90, 1.0), (80, 1.0), (75, 0.75), (70, 0.5), (60, 0.25))


def compose(pictures: Sequence[bytes], *, limit_bytes: int) -> bytes | None:
    """Return the pictures side by side as WebP of at most `limit_bytes`, or None if none fits."""
    grid = _paste(pictures)
    for quality, scale in _ATTEMPTS:
        encoded = _encode(grid, quality=quality, scale=scale)
        if len(encoded) <= limit_bytes:
            return encoded
    return None


def _paste(pictures: Sequence[bytes]) -> Image.Image:
    tiles = [_decoded(picture) for picture in pictures]
    columns = min(_COLUMNS, len(tiles))
    rows = -(-len(tiles) // columns)
    width = max(tile.width for tile in tiles)
    height = max(tile.height for tile in tiles)
    size = (
        columns * width + (columns - 1) * _GAP_PIXELS,
        rows * height + (rows - 1) * _GAP_PIXELS,
    )
    grid = Image.new("RGB", size, "white")
    for place, tile in enumerate(tiles):
        row, column = divmod(place, columns)
        grid.paste(tile, (column * (width + _GAP_PIXELS), row * (height + _GAP_PIXELS)))
    return grid


def _decoded(picture: bytes) -> Image.Image:
    with Image.open(io.BytesIO(picture)) as image:
        return image.convert("RGB")


def _encode(grid: Image.Image, *, quality: int, scale: float) -> bytes:
    if scale != 1.0:
        size = (max(1, round(grid.width * scale)), max(1, round(grid.height * scale)))
        grid = grid.resize(size, Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    grid.save(buffer, format="WEBP", quality=quality)
    return buffer.getvalue()
