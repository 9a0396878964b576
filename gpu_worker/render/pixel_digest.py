"""Names a picture by its pixels, whatever file it is kept in. Knows no torch."""

import hashlib

from PIL import Image


def hash_pixels(picture: Image.Image) -> str:
    """Return the digest of a picture's size and pixels as RGB, in hexadecimal digits."""
    pixels = picture.convert("RGB")
    whole = hashlib.sha256(f"{pixels.width}x{pixels.height} RGB\n".encode())
    whole.update(pixels.tobytes())
    return whole.hexdigest()
