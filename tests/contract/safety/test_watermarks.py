"""What every watermark that ships must do, whatever it is made of."""

from io import BytesIO

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from safety.errors import MarkImpossible
from safety.provenance.watermark import MOST_FALSE_ALARMS, Watermark
from safety.provenance.watermarks import open_watermark
from safety.provenance.watermarks.stable_signature import load_extractor
from tests.contract.safety.drawn import SIGNATURE, open_easel

KEY = bytes(range(32))
PAYLOAD = 0xC0FFEE123456


def picture(seed: int = 0, *, width: int = 512, height: int = 512) -> Image.Image:
    """Return soft hills with a few hard-edged discs, as a drawing has them."""
    random = numpy.random.default_rng(seed)
    coarse = random.integers(30, 226, (8, 8, 3), dtype=numpy.uint8)
    pixels = numpy.array(Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC))
    down, across = numpy.mgrid[:height, :width]
    for _ in range(6):
        middle = random.random(2) * (height, width)
        radius = random.uniform(0.05, 0.2) * height
        inside = numpy.hypot(down - middle[0], across - middle[1]) < radius
        pixels[inside] = random.integers(0, 256, 3)
    return Image.fromarray(pixels)


def as_file(pixels: Image.Image, kind: str, quality: int) -> Image.Image:
    buffer = BytesIO()
    pixels.save(buffer, format=kind, quality=quality)
    return Image.open(buffer).convert("RGB")


def psnr_db(one: Image.Image, other: Image.Image) -> float:
    difference = numpy.asarray(one, dtype=float) - numpy.asarray(other, dtype=float)
    return float(20 * numpy.log10(255) - 10 * numpy.log10((difference**2).mean()))


@pytest.fixture(scope="module", params=["spread"])
def mark(request: pytest.FixtureRequest) -> Watermark:
    return open_watermark(request.param, key=KEY)


@pytest.fixture(scope="module", params=["spread", "stable_signature"])
def reader(request: pytest.FixtureRequest) -> Watermark:
    """Return what reads, also where nothing can be put in afterwards."""
    return open_watermark(request.param, key=KEY, folder=SIGNATURE)


@pytest.fixture(scope="module")
def carrier(reader: Watermark) -> tuple[Image.Image, int]:
    """Return a picture that carries a number as this mark does it, and the number."""
    if reader.name == "stable_signature":
        return open_easel().draw(picture(5), signed=True), load_extractor(SIGNATURE).signature
    return reader.embed(picture(5), PAYLOAD), PAYLOAD


def test_a_marked_picture_names_its_id(mark: Watermark) -> None:
    reading = mark.read(mark.embed(picture(), PAYLOAD))
    assert reading.is_present
    assert reading.payload == PAYLOAD
    assert reading.p_value <= MOST_FALSE_ALARMS
    assert 0 < reading.bits_matched <= reading.bits


@settings(max_examples=6, deadline=None)
@given(payload=st.integers(0, 2**48 - 1))
def test_any_id_comes_back(mark: Watermark, payload: int) -> None:
    assert mark.read(mark.embed(picture(1), payload)).payload == payload


def test_the_same_picture_and_id_give_the_same_pixels(mark: Watermark) -> None:
    once, again = (mark.embed(picture(2), PAYLOAD).tobytes() for _ in range(2))
    assert once == again


def test_size_stays_and_mode_becomes_rgb(mark: Watermark) -> None:
    marked = mark.embed(picture(width=384, height=320).convert("RGBA"), PAYLOAD)
    assert (marked.size, marked.mode) == ((384, 320), "RGB")


def test_a_mark_is_hard_to_see(mark: Watermark) -> None:
    before = picture(3)
    assert psnr_db(before, mark.embed(before, PAYLOAD)) >= 42


@pytest.mark.parametrize("seed", range(6))
def test_a_picture_without_a_mark_has_none(reader: Watermark, seed: int) -> None:
    reading = reader.read(picture(seed))
    assert not reading.is_present
    assert reading.payload is None
    assert reading.p_value > MOST_FALSE_ALARMS


@pytest.mark.parametrize("side", [1, 8, 31, 40])
def test_a_tiny_picture_has_none(reader: Watermark, side: int) -> None:
    assert not reader.read(Image.new("RGB", (side, side), "teal")).is_present


def test_a_flat_picture_has_none(reader: Watermark) -> None:
    assert not reader.read(Image.new("RGB", (512, 512), "white")).is_present


def test_another_key_reads_nothing(mark: Watermark) -> None:
    marked = mark.embed(picture(4), PAYLOAD)
    assert not open_watermark("spread", key=bytes(32)).read(marked).is_present


def test_a_picture_too_small_to_be_marked_is_refused(mark: Watermark) -> None:
    with pytest.raises(MarkImpossible, match="larger"):
        mark.embed(Image.new("RGB", (32, 32)), PAYLOAD)


def test_a_large_picture_and_its_thumbnail_name_their_id(mark: Watermark) -> None:
    marked = mark.embed(picture(6, width=1600, height=1200), PAYLOAD)
    assert mark.read(marked).payload == PAYLOAD
    assert mark.read(marked.resize((640, 480), Image.Resampling.LANCZOS)).payload == PAYLOAD


@pytest.mark.parametrize(("width", "height"), [(3000, 400), (70, 1500), (2100, 2100)])
def test_a_picture_of_any_shape_can_be_looked_at(
    reader: Watermark, width: int, height: int
) -> None:
    assert not reader.read(picture(7, width=width, height=height)).is_present


@pytest.mark.parametrize("payload", [-1, 2**48])
def test_an_id_of_more_than_48_bits_is_refused(mark: Watermark, payload: int) -> None:
    with pytest.raises(ValueError, match="48"):
        mark.embed(picture(), payload)


TRANSFORMS = {
    "JPEG 50": lambda p: as_file(p, "JPEG", 50),
    "WebP 50": lambda p: as_file(p, "WEBP", 50),
    "half size": lambda p: p.resize((p.width // 2, p.height // 2), Image.Resampling.BICUBIC),
    "double size": lambda p: p.resize((p.width * 2, p.height * 2), Image.Resampling.BICUBIC),
    "a corner": lambda p: p.crop((0, 0, int(p.width * 0.707), int(p.height * 0.707))),
    "a strip": lambda p: p.crop((0, p.height // 3, p.width, p.height // 3 + p.height // 2)),
    "brighter": lambda p: p.point(lambda value: min(255, round(value * 1.3))),
    "darker": lambda p: p.point(lambda value: round(value * 0.7)),
    "a corner as JPEG": lambda p: as_file(p.crop((151, 151, 512, 512)), "JPEG", 50),
}


@pytest.mark.parametrize("transform", TRANSFORMS)
def test_the_id_survives(
    reader: Watermark, carrier: tuple[Image.Image, int], transform: str
) -> None:
    marked, number = carrier
    assert reader.read(TRANSFORMS[transform](marked)).payload == number
