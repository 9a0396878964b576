"""A veiled picture: small, grey, blurred."""

import pytest
from PIL import Image, ImageStat

from storage.formats import ImageFormat, decode, sniff
from storage.thumbnails import VEILED_PX, veil


def checks(side: int, cell: int, mode: str = "RGB") -> Image.Image:
    """Return a board of bright red and blue cells."""
    board = Image.new(mode, (side, side), (255, 0, 0) if mode == "RGB" else (255, 0, 0, 128))
    for x in range(0, side, 2 * cell):
        for y in range(0, side, cell):
            board.paste((0, 0, 255), (x + cell * (y // cell % 2), y, x + cell, y + cell))
    return board


@pytest.mark.parametrize("size", [(64, 64), (1024, 1024), (2000, 300), (3, 900)])
def test_it_is_small_whatever_it_was(size: tuple[int, int]):
    veiled = veil(Image.new("RGB", size, (10, 200, 90)))
    assert sniff(veiled) is ImageFormat.WEBP
    assert max(decode(veiled).size) == VEILED_PX


def test_it_has_no_colour():
    red, green, blue = decode(veil(checks(512, 128))).convert("RGB").split()
    assert all(abs(a - b) <= 2 for a, b in zip(red.tobytes(), green.tobytes(), strict=True))
    assert all(abs(a - b) <= 2 for a, b in zip(green.tobytes(), blue.tobytes(), strict=True))


def test_detail_is_gone_and_the_whole_can_be_told():
    fine, coarse = checks(512, 8), Image.new("RGB", (512, 512), "black")
    coarse.paste("white", (0, 0, 256, 512))
    spread = [ImageStat.Stat(decode(veil(one)).convert("L")).stddev[0] for one in (fine, coarse)]
    assert spread[0] < 4
    assert spread[1] > 80


def test_one_with_transparency_is_veiled_too():
    assert decode(veil(checks(128, 16, "RGBA"))).size == (VEILED_PX, VEILED_PX)
