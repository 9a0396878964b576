"""The pixels that our watermark writes: the same as ever, however fast they are made.

`golden_marks.npz` holds what was added to these pictures on the day the numbers of
`bench/watermark.md` were taken. A number moved there is a reason to write it anew, speed is none.
"""

from pathlib import Path

import numpy
import pytest
from numpy.typing import NDArray
from PIL import Image

from safety.provenance.watermarks import open_watermark

GOLDEN = Path(__file__).with_name("golden_marks.npz")
MARK = open_watermark("spread", key=bytes(range(32)))
PAYLOAD = 0xC0FFEE123456
HEIGHT, WIDTH = 80, 112
# Another processor adds up in another order, and a level lies between two once in a while.
MOST_DIFFERENT = 5


def shaded() -> NDArray[numpy.uint8]:
    down, across = numpy.mgrid[:HEIGHT, :WIDTH]
    return numpy.stack([2 * down, 2 * across, 40 + down + across], axis=-1).astype(numpy.uint8)


def bright() -> NDArray[numpy.uint8]:
    levels = numpy.full((HEIGHT, WIDTH, 3), (250, 236, 205), dtype=numpy.uint8)
    levels[20:50, 30:90] = (90, 60, 140)
    return levels


def dense() -> NDArray[numpy.uint8]:
    random = numpy.random.RandomState(48)  # its stream is frozen, unlike newer generators'
    noise = random.randint(0, 200, (HEIGHT, WIDTH, 3)).astype(numpy.uint8)
    noise[:, : WIDTH // 4] //= 8
    return noise


PICTURES = {"shaded": shaded, "bright": bright, "dense": dense}


@pytest.mark.parametrize("name", PICTURES)
def test_the_pixels_that_are_written_stay_the_same(name: str) -> None:
    before = PICTURES[name]()
    after = numpy.asarray(MARK.embed(Image.fromarray(before), PAYLOAD)).astype(int)
    with numpy.load(GOLDEN) as golden:
        difference = numpy.abs(after - before - golden[name])
    assert difference.max() <= 1
    assert (difference > 0).sum() <= MOST_DIFFERENT
