"""A picture made larger as it is, by a super-resolution network; a run without steps."""

import math
import time
from collections.abc import Hashable
from contextlib import nullcontext
from dataclasses import dataclass

from PIL import Image

from gpu_worker.render.drawing import Drawing, DrawOrder
from gpu_worker.render.tiles import enlarge_in_tiles
from gpu_worker.render.upscale import Upscaler
from gpu_worker.state import BadRequest
from gpu_worker.vram.recovery import Portion
from gpu_worker.vram.work_memory import WorkMemory

# Beyond it a picture is enlarged by tiles, which meet without a trace: memory stays bounded.
_WHOLE_PIXELS = 1024 * 1024
MOST_SIDE = 4096


@dataclass(kw_only=True, eq=False)
class Enlargement:
    """A `Run`: nothing is drawn, so that it is finished as soon as it has begun."""

    picture: Image.Image
    width: int
    height: int
    key: Hashable = None
    outfit: Hashable = None
    rows: int = 1
    steps: int = 0
    done: int = 0

    @property
    def row_pixels(self) -> int:
        return self.width * self.height


def begin_enlargement(order: DrawOrder) -> Enlargement:
    """Return the run of a job that makes its source larger as it is.

    Raises:
        BadRequest: it has no source, or would be too large.

    """
    source, upscale = order.source, order.job.upscale
    if source is None or upscale is None:
        raise BadRequest("This needs a picture to make larger.")
    width, height = (round(side * upscale.factor) for side in source.size)
    if max(width, height) > MOST_SIDE:
        raise BadRequest(f"Pictures are made as large as {MOST_SIDE} pixels on a side.")
    return Enlargement(picture=source.convert("RGB"), width=width, height=height)


def enlarge(
    upscaler: Upscaler, run: Enlargement, portion: Portion, *, memory: WorkMemory | None
) -> Drawing:
    """Return the picture in its new size: enlarged as often as needed, then made to measure."""
    begun_at = time.perf_counter()
    picture = run.picture
    factor = max(run.width / picture.width, run.height / picture.height)
    for _ in range(max(1, math.ceil(math.log(factor, upscaler.scale)))):
        picture = enlarge_once(upscaler, picture, portion, memory=memory)
    size = (run.width, run.height)
    if picture.size != size:
        picture = picture.resize(size, Image.Resampling.LANCZOS)
    return Drawing(pictures=(picture,), upscale_s=time.perf_counter() - begun_at)


def enlarge_once(
    upscaler: Upscaler, picture: Image.Image, portion: Portion, *, memory: WorkMemory | None
) -> Image.Image:
    """Return the picture as many times as large as the upscaler makes it."""
    if portion is Portion.TILES or picture.width * picture.height > _WHOLE_PIXELS:
        # Not in the books: a tile is as small as it gets.
        return enlarge_in_tiles(upscaler.enlarge, picture, scale=upscaler.scale)
    size = {"width": picture.width, "height": picture.height}
    booked = (
        memory.upscaling(**size, scale=upscaler.scale, channels=upscaler.channels)
        if memory
        else nullcontext()
    )
    with booked:
        (enlarged,) = upscaler.enlarge([picture])
    return enlarged
