"""Strangers' files become plain pictures, or are refused."""

import io
import struct
import zlib
from typing import Any

import pytest
from PIL import Image

from storage.errors import ImageTooLarge, InvalidImage
from storage.formats import encode_png, read_foreign

LIMITS = {"max_pixels": 1_000_000, "max_side": 512}
CAMERA = "a camera, and where it was"


def as_file(picture: Image.Image, form: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, form, **options)
    return buffer.getvalue()


def a_picture() -> Image.Image:
    picture = Image.new("RGB", (90, 60), (200, 30, 30))
    picture.paste((30, 30, 200), (0, 0, 30, 60))
    return picture


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "GIF"])
def test_all_four_formats_are_read(form: str):
    read = read_foreign(as_file(a_picture(), form), **LIMITS)
    assert (read.mode, read.size) == ("RGB", (90, 60))
    red, _, blue = read.getpixel((10, 30))
    assert blue > 150 > red


@pytest.mark.parametrize("form", ["BMP", "TIFF", "ICO", "PPM"])
def test_other_formats_are_refused(form: str):
    with pytest.raises(InvalidImage):
        read_foreign(as_file(a_picture(), form), **LIMITS)


def test_only_the_first_frame_of_several_is_read():
    frames = [Image.new("RGB", (40, 40), colour) for colour in ("blue", "red", "red")]
    data = as_file(frames[0], "GIF", save_all=True, append_images=frames[1:])
    assert read_foreign(data, **LIMITS).getpixel((20, 20)) == (0, 0, 255)


def test_a_photograph_is_turned_upright_and_what_came_with_it_is_dropped():
    exif = Image.Exif()
    exif[0x0112] = 6  # lies on its side
    exif[0x010E] = CAMERA
    data = as_file(a_picture(), "JPEG", exif=exif, comment=CAMERA.encode())
    assert CAMERA.encode() in data
    read = read_foreign(data, **LIMITS)
    assert read.size == (60, 90)
    assert read.getpixel((30, 10))[2] > 150
    assert dict(read.info) == {}
    assert dict(read.getexif()) == {}
    assert CAMERA.encode() not in encode_png(read)


def test_what_is_see_through_is_seen_on_white():
    picture = Image.new("RGBA", (40, 40), (0, 0, 0, 0))
    picture.paste((0, 200, 0, 255), (0, 0, 20, 40))
    read = read_foreign(as_file(picture, "PNG"), **LIMITS)
    assert read.getpixel((30, 20)) == (255, 255, 255)
    assert read.getpixel((10, 20)) == (0, 200, 0)


def test_a_larger_picture_is_made_smaller():
    read = read_foreign(as_file(Image.new("RGB", (1000, 500)), "JPEG"), **LIMITS)
    assert read.size == (512, 256)


def a_bomb(width: int, height: int) -> bytes:
    """Return a small PNG that promises to be large."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        checksum = zlib.crc32(kind + body)
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", checksum)

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = zlib.compress(b"\0" * 100_000, 9)
    parts = (chunk(b"IHDR", header), chunk(b"IDAT", pixels), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


@pytest.mark.parametrize("side", [1001, 10_000, 60_000, 2**31 - 1])
def test_a_bomb_is_refused_by_its_header(side: int):
    with pytest.raises(ImageTooLarge):
        read_foreign(a_bomb(side, side), **LIMITS)


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP", "GIF"])
@pytest.mark.parametrize("part", [0.02, 0.3, 0.7])
def test_a_truncated_file_is_refused_or_read_but_never_breaks(form: str, part: float):
    data = as_file(Image.effect_noise((200, 200), 80).convert("RGB"), form)
    try:
        read = read_foreign(data[: int(len(data) * part)], **LIMITS)
    except InvalidImage:
        return
    assert read.size == (200, 200)


def test_text_is_no_picture():
    with pytest.raises(InvalidImage):
        read_foreign(b"<svg onload=alert(1)>", **LIMITS)


@pytest.mark.parametrize("place", range(0, 100, 3))
def test_a_damaged_avif_is_refused_or_read_but_never_breaks(place: int):
    buffer = bytearray(as_file(a_picture(), "AVIF"))
    begin = len(buffer) * place // 100
    buffer[begin : begin + 8] = b"\xff" * 8
    try:
        read = read_foreign(bytes(buffer), **LIMITS)
    except InvalidImage:
        return
    assert read.mode == "RGB"
