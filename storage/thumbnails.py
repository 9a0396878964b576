"""Small pictures for grids and lists: WebP, by the length of their long side."""

from typing import Final

from PIL import Image

from storage.formats import encode_webp

SIDES_PX: Final = (256, 512)
_QUALITY: Final = 82


def thumbnail(image: Image.Image, long_side_px: int) -> bytes:
    """Return the picture as WebP, its long side at most `long_side_px`; never enlarges."""
    return encode_webp(_shrink(image, long_side_px), quality=_QUALITY)


def _shrink(image: Image.Image, long_side_px: int) -> Image.Image:
    scale = long_side_px / max(image.size)
    if scale >= 1:
        return image
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    return image.resize(size, Image.Resampling.LANCZOS)
