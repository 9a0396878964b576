"""Small pictures for grids and lists: WebP, by the length of their long side."""

from typing import Final

from PIL import Image, ImageFilter

from storage.formats import encode_webp

SIDES_PX: Final = (256, 512)
_QUALITY: Final = 82
VEILED_PX: Final = 192
# Of a blurred picture about so many spots can be told apart along its longer side.
_VEILED_SPOTS: Final = 20


def thumbnail(image: Image.Image, long_side_px: int) -> bytes:
    """Return the picture as WebP, its long side at most `long_side_px`; never enlarges."""
    return encode_webp(_shrink(image, long_side_px), quality=_QUALITY)


def veil(image: Image.Image) -> bytes:
    """Return the picture small, grey and blurred, as WebP: what it is about, and no more."""
    small = image.convert("RGB").resize(_size_of(image, VEILED_PX), Image.Resampling.LANCZOS)
    grey = small.convert("L")
    blurred = grey.filter(ImageFilter.GaussianBlur(max(grey.size) / _VEILED_SPOTS))
    return encode_webp(blurred.convert("RGB"), quality=_QUALITY)


def _shrink(image: Image.Image, long_side_px: int) -> Image.Image:
    if long_side_px >= max(image.size):
        return image
    return image.resize(_size_of(image, long_side_px), Image.Resampling.LANCZOS)


def _size_of(image: Image.Image, long_side_px: int) -> tuple[int, int]:
    scale = long_side_px / max(image.size)
    return max(1, round(image.width * scale)), max(1, round(image.height * scale))
