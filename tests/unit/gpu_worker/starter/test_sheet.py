"""Contact sheets: laid out, captioned, and small enough to keep."""

from pathlib import Path

import numpy
from PIL import Image

from gpu_worker.starter.sheet import lay_out, save_small


def some_pictures(count: int) -> list[numpy.ndarray]:
    return [numpy.full((128, 128, 3), 10 * index, dtype=numpy.uint8) for index in range(count)]


def has_red(sheet: Image.Image) -> bool:
    red, green, _ = numpy.asarray(sheet, dtype=int).transpose(2, 0, 1)
    return bool((red > green + 100).any())


def test_pictures_lie_in_rows_above_their_captions():
    sheet = lay_out(some_pictures(5), ["a cat"] * 5, columns=3, side=64)
    assert sheet.width == 3 * 64
    assert sheet.getpixel((64 + 32, 32)) == (10, 10, 10)
    assert sheet.getpixel((32, sheet.height // 2 + 32)) == (30, 30, 30)


def test_the_captions_of_wrong_pictures_are_red():
    right = lay_out(some_pictures(2), ["a cat", "a dog"])
    wrong = lay_out(some_pictures(2), ["a cat", "a dog"], wrong=[1])
    assert not has_red(right)
    assert has_red(wrong)


def test_a_long_caption_goes_on_over_as_many_lines_as_there_are():
    caption = "a purple mushroom on a turquoise background"
    one, three = (lay_out(some_pictures(1), [caption], lines=lines) for lines in (1, 3))
    assert three.height > one.height


def test_a_sheet_is_written_within_the_room_there_is(tmp_path: Path):
    noise = numpy.random.default_rng(0).integers(0, 255, (256, 256, 3), numpy.uint8)
    sheet = lay_out([noise], ["noise"], side=256)
    roomy = save_small(sheet, tmp_path / "roomy.webp", most_bytes=1_000_000)
    narrow = save_small(sheet, tmp_path / "narrow.webp", most_bytes=40_000)
    assert narrow.stat().st_size <= 40_000 < roomy.stat().st_size
