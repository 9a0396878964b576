"""Pictures to keep."""

from PIL import Image

from storage.formats import encode_png


def a_picture(*, width: int = 64, height: int = 64, mode: str = "RGB") -> Image.Image:
    """Return a smooth gradient, the same each time."""
    return Image.linear_gradient("L").resize((width, height)).convert(mode)


def a_png(*, width: int = 64, height: int = 64, mode: str = "RGB") -> bytes:
    """Return such a picture as PNG."""
    return encode_png(a_picture(width=width, height=height, mode=mode))
