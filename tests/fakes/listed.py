"""A list that knows one made picture, and a copy of it as somebody would send it."""

import io

from PIL import Image, ImageOps

from safety.fingerprint import fingerprint
from safety.hash_lists.own import OwnHashList
from safety.image_checks.known_pictures import KnownPicturesCheck
from tests.unit.safety.pictures import made_picture

LIST = "test-bank"
_LISTED = made_picture(77)


def listed_check() -> KnownPicturesCheck:
    """Return the real check over that list, as uploads go through it."""
    entry = {fingerprint(_LISTED).hex: "entry-1"}
    bank = OwnHashList(read=lambda: entry, name=LIST, category="child_safety")
    return KnownPicturesCheck(lists=[bank], looks_at_crops=True)


def a_copy() -> bytes:
    """Return the listed picture mirrored, smaller and as a JPEG: no byte of it is the same."""
    mirrored = ImageOps.mirror(_LISTED).resize((240, 200), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    mirrored.save(buffer, "JPEG", quality=80)
    return buffer.getvalue()


def another() -> bytes:
    """Return a picture of the same making that nobody listed."""
    buffer = io.BytesIO()
    made_picture(78, size=(240, 200)).save(buffer, "JPEG", quality=80)
    return buffer.getvalue()
