"""The committed signed decoder: what it draws carries its signature, what the plain one draws not.

Bounds are far below what `bench/signature.md` shows.
"""

from io import BytesIO

import pytest
from PIL import Image

from backend.contracts import ModelFamily
from gpu_worker.compose.signing import SignedDecoder, find_decoder
from safety.provenance.signature import DECODER_FILE
from safety.provenance.watermarks import open_watermark
from tests.contract.safety.drawn import SIGNATURE, open_easel
from tests.contract.safety.test_watermarks import picture, psnr_db

SCENES = range(20, 24)


def as_jpeg(pixels: Image.Image, quality: int) -> Image.Image:
    buffer = BytesIO()
    pixels.save(buffer, format="JPEG", quality=quality)
    return Image.open(buffer).convert("RGB")


def half_of(pixels: Image.Image) -> Image.Image:
    """Return half the area, from a place that is no cell's corner."""
    return pixels.crop((103, 58, 465, 420))


CHANGES = {
    "as drawn": lambda p: p,
    "JPEG 80": lambda p: as_jpeg(p, 80),
    "half the area": half_of,
    "half the area, JPEG 80": lambda p: as_jpeg(half_of(p), 80),
}


@pytest.mark.parametrize("change", CHANGES)
def test_most_bits_of_signed_pictures_are_right_whatever_happens_to_them(change: str) -> None:
    mark = open_watermark("stable_signature", key=bytes(32), folder=SIGNATURE)
    readings = [
        mark.read(CHANGES[change](open_easel().draw(picture(seed), signed=True))) for seed in SCENES
    ]
    assert sum(reading.bits_matched for reading in readings) >= 0.9 * 48 * len(readings)
    assert sum(reading.is_present for reading in readings) >= len(readings) - 1


def test_the_plain_decoder_draws_no_signature() -> None:
    mark = open_watermark("stable_signature", key=bytes(32), folder=SIGNATURE)
    for seed in SCENES:
        reading = mark.read(open_easel().draw(picture(seed), signed=False))
        assert not reading.is_present
        assert reading.bits_matched < 40


def test_a_signed_picture_looks_like_the_plain_one() -> None:
    for seed in SCENES:
        plain, signed = (
            open_easel().draw(picture(seed), signed=is_signed) for is_signed in (False, True)
        )
        assert psnr_db(plain, signed) > 37


def test_the_signature_is_small_and_says_whose_it_is() -> None:
    assert sum(path.stat().st_size for path in SIGNATURE.iterdir()) < 6_000_000
    shipped = SignedDecoder(path=SIGNATURE / DECODER_FILE, number="a7c35e19d284")
    assert find_decoder(SIGNATURE, ModelFamily.SDXL) == shipped
    assert find_decoder(SIGNATURE, ModelFamily.SD3) is None
