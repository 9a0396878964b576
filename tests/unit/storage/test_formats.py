"""Pictures as bytes, and small copies of them."""

import io
import struct
import zlib

import pytest
from PIL import ExifTags, Image, ImageChops

from storage.errors import InvalidImage
from storage.formats import (
    ImageFormat,
    content_type_of,
    decode,
    encode_avif,
    encode_jpeg,
    encode_png,
    encode_webp,
    size_of,
    sniff,
)
from storage.thumbnails import thumbnail
from tests.unit.storage.pictures import a_picture, a_png


def a_header_of(width: int, height: int) -> bytes:
    """Return a PNG of a few bytes that promises this size."""
    body = b"IHDR" + struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    end = b"IEND" + struct.pack(">I", zlib.crc32(b"IEND"))
    chunk = struct.pack(">I", 13) + body + struct.pack(">I", zlib.crc32(body))
    return b"\x89PNG\r\n\x1a\n" + chunk + struct.pack(">I", 0) + end


def a_jpeg() -> bytes:
    buffer = io.BytesIO()
    a_picture().save(buffer, "JPEG")
    return buffer.getvalue()


def test_formats_are_told_by_their_first_bytes() -> None:
    assert sniff(a_png()) is ImageFormat.PNG
    assert sniff(encode_webp(a_picture())) is ImageFormat.WEBP
    assert sniff(a_jpeg()) is ImageFormat.JPEG


@pytest.mark.parametrize("data", [b"", b"GIF89a", b"<svg/>", b"RIFF1234AVI "])
def test_other_files_are_no_pictures(data: bytes) -> None:
    with pytest.raises(InvalidImage):
        sniff(data)


def test_the_media_type_follows_from_the_key() -> None:
    assert content_type_of("images/a/original.png") == "image/png"
    assert content_type_of("images/a/webp.webp") == "image/webp"
    assert content_type_of("images/a/x.jpg") == "image/jpeg"
    assert content_type_of("images/a/page.html") == "application/octet-stream"
    assert content_type_of("png") == "image/png"


def test_the_same_pixels_give_the_same_bytes() -> None:
    picture = a_picture(width=200, height=100)
    assert encode_png(picture) == encode_png(picture.copy())
    assert encode_webp(picture) == encode_webp(picture.copy())


def test_metadata_is_kept_whatever_its_order_or_script() -> None:
    notes = {"seed": "7", "prompt": "лиса в снегу"}
    data = encode_png(a_picture(), metadata=notes)
    assert data == encode_png(a_picture(), metadata=dict(reversed(notes.items())))
    with Image.open(io.BytesIO(data)) as image:
        assert {name: str(value) for name, value in image.info.items()} == notes


def test_a_png_gives_back_its_pixels() -> None:
    picture = a_picture(width=33, height=17)
    assert decode(encode_png(picture)).tobytes() == picture.tobytes()


@pytest.mark.parametrize(("mode", "expected"), [("L", "RGB"), ("P", "RGB"), ("RGBA", "RGBA")])
def test_pixels_come_as_rgb_or_with_transparency(mode: str, expected: str) -> None:
    assert decode(a_png(mode=mode)).mode == expected


@pytest.mark.parametrize(("width", "height"), [(9_000, 9_000), (20_000, 20_000), (2**31 - 1, 1)])
def test_a_picture_that_promises_too_many_pixels_is_not_opened(width: int, height: int) -> None:
    data = a_header_of(width, height)
    for read in (size_of, decode):
        with pytest.raises(InvalidImage):
            read(data)


def test_a_cut_off_picture_is_refused() -> None:
    data = a_png(width=200, height=200)
    for length in (8, 20, 40, len(data) // 2):
        with pytest.raises(InvalidImage):
            decode(data[:length])


def test_a_picture_with_a_wrong_checksum_is_refused() -> None:
    data = bytearray(a_png(width=200, height=200))
    data[len(data) // 2] ^= 0xFF
    with pytest.raises(InvalidImage):
        decode(bytes(data))


def test_a_side_too_long_for_webp_is_refused() -> None:
    with pytest.raises(InvalidImage):
        encode_webp(a_picture(width=16_384, height=1))


@pytest.mark.parametrize(
    ("size", "side_px", "expected"),
    [
        ((1024, 1024), 256, (256, 256)),
        ((1216, 832), 512, (512, 350)),
        ((832, 1216), 512, (350, 512)),
        ((4000, 2), 256, (256, 1)),
        ((512, 512), 512, (512, 512)),
        ((64, 48), 256, (64, 48)),
    ],
)
def test_a_thumbnail_fits_its_side_and_never_grows(
    size: tuple[int, int], side_px: int, expected: tuple[int, int]
) -> None:
    data = thumbnail(a_picture(width=size[0], height=size[1]), side_px)
    assert sniff(data) is ImageFormat.WEBP
    assert size_of(data) == expected


def test_every_format_gives_back_a_picture_of_its_size_and_says_its_type() -> None:
    picture = a_picture(width=120, height=80)
    encoders = {
        "png": (encode_png, "image/png"),
        "webp": (encode_webp, "image/webp"),
        "jpg": (encode_jpeg, "image/jpeg"),
        "avif": (encode_avif, "image/avif"),
    }
    for extension, (encode, media_type) in encoders.items():
        data = encode(picture)
        assert sniff(data).value == extension
        assert content_type_of(f"images/a/x.{extension}") == media_type
        assert size_of(data) == (120, 80)
        worst = ImageChops.difference(decode(data), picture).getextrema()
        assert max(high for _, high in worst) < 12


def test_a_jpeg_shows_itself_roughly_before_it_is_whole() -> None:
    with Image.open(io.BytesIO(encode_jpeg(a_picture()))) as image:
        assert image.info["progressive"]


def test_what_is_see_through_is_white_in_a_jpeg() -> None:
    clear = Image.new("RGBA", (32, 32), (0, 0, 0, 0))
    lowest = min(low for low, _ in decode(encode_jpeg(clear)).getextrema())
    assert lowest > 250


@pytest.mark.parametrize("encode", [encode_webp, encode_jpeg, encode_avif])
def test_a_comment_is_kept_in_any_script_and_none_is_no_metadata(encode) -> None:
    with Image.open(io.BytesIO(encode(a_picture(), comment="лиса, Steps: 4"))) as image:
        comment = image.getexif().get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.UserComment]
        assert comment == b"UNICODE\0" + "лиса, Steps: 4".encode("utf-16-be")
    with Image.open(io.BytesIO(encode(a_picture()))) as image:
        assert not image.getexif()
