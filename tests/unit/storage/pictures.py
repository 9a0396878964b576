"""Pictures to keep."""

import hashlib
import io

from PIL import Image

from storage.formats import encode_png, encode_webp
from storage.image_store import ImageStore, KeptImage
from storage.thumbnails import thumbnail


def a_picture(*, width: int = 64, height: int = 64, mode: str = "RGB") -> Image.Image:
    """Return a smooth gradient, the same each time."""
    return Image.linear_gradient("L").resize((width, height)).convert(mode)


def a_png(*, width: int = 64, height: int = 64, mode: str = "RGB") -> bytes:
    """Return such a picture as PNG."""
    return encode_png(a_picture(width=width, height=height, mode=mode))


def some_files(png: bytes) -> dict[str, bytes]:
    """Return the files of a picture, by what each is for."""
    with Image.open(io.BytesIO(png)) as opened:
        image = opened.convert("RGB")
    return {
        "original": png,
        "webp": encode_webp(image),
        "thumbnail_256": thumbnail(image, 256),
        "thumbnail_512": thumbnail(image, 512),
    }


def keep(images: ImageStore, png: bytes) -> KeptImage:
    """Keep a picture under the digest of its original."""
    return images.keep(some_files(png), name=hashlib.sha256(png).hexdigest())
