"""What is hard for our watermark: dense texture, white pages, bright pictures, worn marks."""

import io
from dataclasses import replace

import numpy
import pytest
from PIL import Image, ImageDraw

from safety.provenance.watermarks import open_watermark
from safety.provenance.watermarks.spread.carriers import draw_carriers
from safety.provenance.watermarks.spread.search import _read_at
from safety.provenance.watermarks.spread.spectrum import (
    LOOKS,
    Spectrum,
    _spectrum,
    spectra_of,
)

KEY = bytes(range(32))
PAYLOAD = 0xC0FFEE123456
MARK = open_watermark("spread", key=KEY)


def page(width: int = 512, height: int = 512) -> Image.Image:
    """Return black letters on near white."""
    random = numpy.random.default_rng(5)
    picture = Image.new("RGB", (width, height), (250, 249, 245))
    draw = ImageDraw.Draw(picture)
    letters = "abcdefghijklmnopqrstuvwxyz      "
    for line in range(20, height - 20, 16):
        words = "".join(letters[int(v)] for v in random.integers(0, len(letters), width // 8))
        draw.text((20, line), words, fill=(30, 30, 35))
    return picture


def lawn(seed: int, side: int = 512) -> Image.Image:
    """Return blades of grass as far as noise goes: strong at every length, flat nowhere."""
    random = numpy.random.default_rng(seed)
    down, across = numpy.fft.fftfreq(side)[:, None], numpy.fft.rfftfreq(side)
    falling = 1 / (0.03 + numpy.hypot(down, across))
    noise = numpy.fft.irfft2(numpy.fft.rfft2(random.normal(size=(side, side))) * falling)
    levels = numpy.clip(110 + 42 * noise / noise.std(), 0, 255)[..., None] * (0.8, 1.0, 0.5)
    return Image.fromarray(levels.astype(numpy.uint8))


def brighter(pixels: Image.Image) -> Image.Image:
    return pixels.point(lambda value: min(255, round(value * 1.3)))


def as_file(pixels: Image.Image, kind: str) -> Image.Image:
    buffer = io.BytesIO()
    pixels.save(buffer, format=kind, quality=50)
    return Image.open(buffer).convert("RGB")


def test_a_white_page_keeps_its_mark_where_light_turns_it_into_plain_white() -> None:
    bright = brighter(MARK.embed(page(), PAYLOAD))
    white = (numpy.asarray(bright) == 255).all(axis=2).mean()
    assert white > 0.8
    assert MARK.read(bright).payload == PAYLOAD


def test_ink_is_looked_at_by_itself_on_light_pages_only_and_each_look_is_counted() -> None:
    assert [spectrum.looks for spectrum in spectra_of(page())] == [LOOKS] * LOOKS
    assert [spectrum.looks for spectrum in spectra_of(lawn(0))] == [1]


def spectrum_of_wave(down: int, across: int, tile_px: float) -> Spectrum:
    """Return the spectrum of one wave of strength one, nothing of it whitened."""
    height, width = 301, 397
    rows, columns = numpy.mgrid[:height, :width]
    turns = (down * (rows - height // 2) + across * (columns - width // 2)) / tile_px
    plane = numpy.cos(2 * numpy.pi * turns).astype(numpy.float32)
    like = _spectrum(plane, 1.0)
    size = (len(like.coefficients), like.columns)
    padded = numpy.zeros(size)
    padded[:height, :width] = plane
    # Phases are counted from the picture's middle.
    middle = numpy.roll(padded, (-(height // 2), -(width // 2)), axis=(0, 1))
    strengths = numpy.fft.rfft2(middle) * 2 / plane.size
    return replace(like, coefficients=strengths.astype(numpy.complex64))


@pytest.mark.parametrize("tile_px", [97.3, 128.0, 140.7])
def test_a_wave_between_two_coefficients_is_found_nearly_whole(tile_px: float) -> None:
    carriers = draw_carriers(KEY)
    tiles = numpy.array([tile_px])
    slanting = [one for one in range(0, len(carriers.across), 40) if carriers.across[one]]
    for one in slanting:
        spectrum = spectrum_of_wave(carriers.down[one], carriers.across[one], tile_px)
        assert abs(spectrum.waves_between(carriers, tiles)[0, one]) == pytest.approx(1, abs=0.03)


def test_what_knows_nothing_of_waves_is_as_strong_between_coefficients() -> None:
    carriers = draw_carriers(KEY)
    tiles = numpy.linspace(60, 200, 40)
    noise = numpy.random.default_rng(1).normal(size=(300, 400)).astype(numpy.float32)
    spectrum = _spectrum(noise, 1.0)
    nearest, between = (
        float((numpy.abs(found) ** 2).mean())
        for found in (spectrum.waves(carriers, tiles), spectrum.waves_between(carriers, tiles))
    )
    assert between == pytest.approx(nearest, rel=0.05)


def test_half_a_page_made_small_and_a_jpeg_keeps_its_mark() -> None:
    marked = MARK.embed(page(), PAYLOAD)
    small = marked.crop((0, 0, 362, 362)).resize((181, 181), Image.Resampling.BICUBIC)
    assert MARK.read(as_file(small, "JPEG")).payload == PAYLOAD


@pytest.mark.parametrize("seed", range(3))
def test_a_lawn_keeps_its_mark(seed: int) -> None:
    marked = MARK.embed(lawn(seed), PAYLOAD)
    assert MARK.read(marked).payload == PAYLOAD
    assert MARK.read(as_file(marked, "WEBP")).payload == PAYLOAD


def test_a_bright_picture_keeps_its_mark_through_more_light_a_cut_and_a_small_webp() -> None:
    levels = numpy.full((512, 512, 3), (235, 222, 180), dtype=numpy.uint8)
    levels[150:400, 100:420] = (150, 90, 60)
    bright = brighter(MARK.embed(Image.fromarray(levels), PAYLOAD)).crop((150, 150, 512, 512))
    small = as_file(bright.resize((253, 253), Image.Resampling.BICUBIC), "WEBP")
    assert MARK.read(small).payload == PAYLOAD


def test_a_worn_mark_is_no_mark_or_nameless_but_never_another_picture_s() -> None:
    marked = MARK.embed(lawn(7), PAYLOAD)
    readings = [
        MARK.read(as_file(marked.crop((0, 0, side, side)), "JPEG")) for side in range(300, 512, 12)
    ]
    named = {reading.payload for reading in readings}
    assert named == {PAYLOAD, None}  # some are read, some are not, none is misread


def test_a_mark_whose_id_may_be_one_of_two_is_present_and_names_none() -> None:
    carriers = draw_carriers(KEY)
    for other, named in ((PAYLOAD, PAYLOAD), (PAYLOAD ^ 1 << 17, None)):
        signs = (carriers.signs(PAYLOAD) + carriers.signs(other)) / 2
        reading = _read_at(2 * carriers.waves(signs)[None], carriers, 2**80)
        assert reading.is_present
        assert reading.payload == named
