"""What pictures look like as bytes: recognising, decoding within bounds, encoding."""

import io
import struct
import zlib
from collections.abc import Mapping
from enum import StrEnum
from typing import Final, assert_never

from PIL import ExifTags, Image, ImageOps
from PIL.PngImagePlugin import PngInfo

from storage.errors import ImageTooLarge, InvalidImage

# Well above what any model here draws; a small file may claim billions.
MAX_PIXELS: Final = 64 * 1024 * 1024
# Measured at 1024 px, marked: 6 takes two and a half times as long and saves a fiftieth. Run
# lengths alone are faster still, but flat pictures and pages of text grow by half and more.
_PNG_LEVEL: Final = 4
_WEBP_QUALITY: Final = 90
_JPEG_QUALITY: Final = 90
_AVIF_QUALITY: Final = 75
# Measured at 1024 px: slower by one step takes four times as long and saves a tenth; a page of
# text, which has tools of its own there, a fifth and 3 dB.
_AVIF_SPEED: Final = 9
_WEBP_LONGEST_SIDE_PX: Final = 16_383
_FOREIGN_FORMATS: Final = ("PNG", "JPEG", "WEBP", "AVIF", "GIF")
_DECODE_ERRORS: Final = (
    OSError,
    EOFError,
    SyntaxError,
    ValueError,
    # What the AVIF decoder says to a damaged file.
    RuntimeError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
    Image.DecompressionBombWarning,
)


class ImageFormat(StrEnum):
    """The formats we keep; the value is the file name's extension."""

    PNG = "png"
    WEBP = "webp"
    JPEG = "jpg"
    AVIF = "avif"


_PILLOW_NAMES: Final = {
    ImageFormat.PNG: "PNG",
    ImageFormat.WEBP: "WEBP",
    ImageFormat.JPEG: "JPEG",
    ImageFormat.AVIF: "AVIF",
}


def sniff(data: bytes) -> ImageFormat:
    """Tell the format by the first bytes.

    Raises:
        InvalidImage: none that we keep.

    """
    if data.startswith(b"\x89PNG\r\n\x1a\n"):
        return ImageFormat.PNG
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return ImageFormat.WEBP
    if data.startswith(b"\xff\xd8\xff"):
        return ImageFormat.JPEG
    if data[4:8] == b"ftyp" and data[8:12] in (b"avif", b"avis"):
        return ImageFormat.AVIF
    raise InvalidImage("not a PNG, WebP, JPEG or AVIF")


def content_type(image_format: ImageFormat) -> str:
    """Return the media type of a format."""
    match image_format:
        case ImageFormat.PNG:
            return "image/png"
        case ImageFormat.WEBP:
            return "image/webp"
        case ImageFormat.JPEG:
            return "image/jpeg"
        case ImageFormat.AVIF:
            return "image/avif"
        case _:
            assert_never(image_format)


def content_type_of(key: str) -> str:
    """Return the media type of an object by its key's extension, else that of plain bytes."""
    extension = key.rpartition(".")[2]
    if extension in list(ImageFormat):
        return content_type(ImageFormat(extension))
    return "application/octet-stream"


def size_of(data: bytes, *, max_pixels: int = MAX_PIXELS) -> tuple[int, int]:
    """Return width and height from the header alone.

    Raises:
        InvalidImage: not a picture, or one with too many pixels.

    """
    with _open(data, max_pixels) as image:
        return image.size


def decode(data: bytes, *, max_pixels: int = MAX_PIXELS) -> Image.Image:
    """Return the pixels, RGB or (where there is transparency) RGBA.

    Raises:
        InvalidImage: not a picture, a damaged one, or one with too many pixels.

    """
    with _open(data, max_pixels) as image:
        try:
            return image.convert("RGBA" if image.has_transparency_data else "RGB")
        except _DECODE_ERRORS as error:
            raise InvalidImage("the picture is damaged") from error


def read_foreign(data: bytes, *, max_pixels: int, max_side: int) -> Image.Image:
    """Return a stranger's PNG, JPEG, WebP, AVIF or GIF (its first frame): RGB, upright, on white.

    Larger ones are made smaller until their longer side fits.

    Raises:
        ImageTooLarge: it has too many pixels.
        InvalidImage: it is none of these, or damaged.

    """
    with _open(data, max_pixels, formats=_FOREIGN_FORMATS) as image:
        try:
            # A large JPEG is read at a fraction of its size.
            image.draft("RGB", (max_side, max_side))
            pixels = _on_white(ImageOps.exif_transpose(image))
        except _DECODE_ERRORS as error:
            raise InvalidImage("the picture is damaged") from error
    pixels.thumbnail((max_side, max_side), Image.Resampling.LANCZOS)
    # A fresh one: nothing that came with the file goes on.
    return Image.frombytes("RGB", pixels.size, pixels.tobytes())


def encode_png(image: Image.Image, *, metadata: Mapping[str, str] | None = None) -> bytes:
    """Return the same bytes for the same pixels and metadata; metadata becomes iTXt chunks."""
    info = PngInfo()
    for name, value in sorted((metadata or {}).items()):
        info.add_itxt(name, value)
    buffer = io.BytesIO()
    image.save(buffer, "PNG", compress_level=_PNG_LEVEL, pnginfo=info)
    return buffer.getvalue()


def encode_webp(image: Image.Image, *, quality: int = _WEBP_QUALITY, comment: str = "") -> bytes:
    """Return a lossy WebP without metadata but the comment.

    Raises:
        InvalidImage: a side is longer than WebP can say.

    """
    if max(image.size) > _WEBP_LONGEST_SIDE_PX:
        raise InvalidImage(f"a side is longer than {_WEBP_LONGEST_SIDE_PX} px")
    buffer = io.BytesIO()
    exif = _commented(comment)
    image.save(buffer, "WEBP", quality=quality, method=4, exif=exif, icc_profile=None)
    return buffer.getvalue()


def encode_jpeg(image: Image.Image, *, quality: int = _JPEG_QUALITY, comment: str = "") -> bytes:
    """Return a progressive JPEG, transparency on white, without metadata but the comment."""
    buffer = io.BytesIO()
    exif = _commented(comment)
    flat = _on_white(image)
    flat.save(buffer, "JPEG", quality=quality, progressive=True, optimize=True, exif=exif)
    return buffer.getvalue()


def encode_avif(image: Image.Image, *, quality: int = _AVIF_QUALITY, comment: str = "") -> bytes:
    """Return an AVIF without metadata but the comment."""
    buffer = io.BytesIO()
    exif = _commented(comment)
    image.save(buffer, "AVIF", quality=quality, speed=_AVIF_SPEED, max_threads=1, exif=exif)
    return buffer.getvalue()


def _commented(comment: str) -> bytes:
    """Return Exif data that holds a user comment, as other programs look for it; "" is none."""
    if not comment:
        return b""
    exif = Image.Exif()
    text = b"UNICODE\0" + comment.encode("utf-16-be", errors="replace")
    exif.get_ifd(ExifTags.IFD.Exif)[ExifTags.Base.UserComment] = text
    return exif.tobytes()


def _on_white(image: Image.Image) -> Image.Image:
    if not image.has_transparency_data:
        return image.convert("RGB")
    layer = image.convert("RGBA")
    flat = Image.new("RGBA", layer.size, "white")
    flat.alpha_composite(layer)
    return flat.convert("RGB")


def _open(data: bytes, max_pixels: int, *, formats: tuple[str, ...] = ()) -> Image.Image:
    try:
        image = Image.open(io.BytesIO(data), formats=formats or (_PILLOW_NAMES[sniff(data)],))
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ImageTooLarge("the picture promises far too many pixels") from error
    except _DECODE_ERRORS as error:
        raise InvalidImage("the picture's header is damaged") from error
    if image.width * image.height > max_pixels:
        image.close()
        raise ImageTooLarge(f"{image.width} x {image.height} is more than {max_pixels} pixels")
    return image
