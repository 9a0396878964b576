"""Reads pictures that anybody may have sent, no larger than is good for us."""

from typing import Final

from PIL import Image

from backend.domain.errors import PictureInvalid, PictureTooLarge
from storage import errors as storage_errors
from storage.formats import read_foreign

PIXELS_MAX: Final = 50_000_000
# Larger ones are made smaller; marks and fingerprints survive that.
SIDE_MAX: Final = 2048


def read_picture(data: bytes) -> Image.Image:
    """Return the pixels, RGB and upright, their longer side at most `SIDE_MAX`.

    Raises:
        PictureInvalid: it is no picture, or damaged.
        PictureTooLarge: it has too many pixels.

    """
    try:
        return read_foreign(data, max_pixels=PIXELS_MAX, max_side=SIDE_MAX)
    except storage_errors.ImageTooLarge as error:
        raise PictureTooLarge(limit=f"at most {PIXELS_MAX // 10**6} megapixels") from error
    except storage_errors.InvalidImage as error:
        raise PictureInvalid from error
