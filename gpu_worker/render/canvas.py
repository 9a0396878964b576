"""What a job draws on: how large it is, what lies there already, and what of that stays.

Sides are counted in pixels as drawn. What is shown may be larger by a whole number (a model's
`display_scale`); a source comes as it was shown.
"""

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from backend.contracts import MaskUse, OutpaintUse, RenderJob, fit_ratio, snap_to
from gpu_worker.family import Family
from gpu_worker.render.drawing import DrawOrder
from gpu_worker.render.sizes import Growth, grow
from gpu_worker.state import BadRequest

# Of a drawing in its new size, in squares of the model's native side.
MOST_SQUARES = 9
_EDGE = 1 / 32  # of a grown picture's shorter side, is drawn anew
_NOISE_SPREAD = 24  # of 255


@dataclass(frozen=True, kw_only=True)
class Canvas:
    """The size of a drawing, and the picture it starts from.

    `picture` and `mask` are as shown, of any size in the canvas's shape; the mask is white where
    something new is drawn. Without a mask the whole picture is drawn over.
    """

    width: int
    height: int
    picture: Image.Image | None = None
    mask: Image.Image | None = None

    def paste_back(self, drawn: Image.Image) -> Image.Image:
        """Return a drawing in which what was to stay is the picture's own pixels again."""
        if self.picture is None or self.mask is None:
            return drawn
        original = _resized(self.picture, drawn.size)
        mask = self.mask.resize(drawn.size, Image.Resampling.NEAREST)
        return Image.composite(drawn, original, _feather(mask))


def lay_out(order: DrawOrder, family: Family, *, shown_scale: int) -> Canvas:
    """Return the canvas of a job.

    Raises:
        BadRequest: it has no source where it needs one, or would be too large.

    """
    job, source = order.job, order.source
    if job.upscale is not None:
        return _enlarged(order, family, shown_scale=shown_scale)
    if job.outpaint is not None:
        return _grown(_needed(source), job, job.outpaint, family, shown_scale=shown_scale)
    width, height = fit_ratio(
        aspect_width=job.aspect_width,
        aspect_height=job.aspect_height,
        native_side=family.native_side,
        side_multiple=family.side_multiple,
        longest_side=family.longest_side,
    )
    if job.mask is None:
        return Canvas(width=width, height=height, picture=source)
    picture = _needed(source)
    mask = _mask_of(job.mask, order.mask, picture.size)
    return Canvas(width=width, height=height, picture=picture, mask=mask)


def _enlarged(order: DrawOrder, family: Family, *, shown_scale: int) -> Canvas:
    source, upscale = _needed(order.source), order.job.upscale
    factor = (upscale.factor if upscale else 1.0) / shown_scale
    width, height = (
        snap_to(side * factor, family.side_multiple) for side in (source.width, source.height)
    )
    if width * height > MOST_SQUARES * family.native_side**2:
        raise BadRequest(
            f"{width * shown_scale} x {height * shown_scale} is more than this model draws over."
        )
    return Canvas(width=width, height=height, picture=source)


def _grown(
    source: Image.Image,
    job: RenderJob,
    outpaint: OutpaintUse,
    family: Family,
    *,
    shown_scale: int,
) -> Canvas:
    """Lay a picture on a larger canvas, with its edges carried on into what is to be drawn."""
    growth = grow(
        source.width / shown_scale,
        source.height / shown_scale,
        outpaint,
        native_side=family.native_side,
        side_multiple=family.side_multiple,
        longest_side=family.longest_side,
    )
    place = growth.times(shown_scale)
    picture = _resized(source, (place.right - place.left, place.bottom - place.top))
    canvas = _carry_on(picture, place, seed=job.seed)
    mask = Image.new("L", canvas.size, 255)
    mask.paste(0, _kept(place))
    return Canvas(width=growth.width, height=growth.height, picture=canvas, mask=mask)


def _kept(place: Growth) -> tuple[int, int, int, int]:
    """Return the corners of what stays: all but a narrow edge towards what is drawn.

    A picture ends in ways its middle does not, and would leave a frame around itself.
    """
    margin = round(min(place.right - place.left, place.bottom - place.top) * _EDGE)
    return (
        place.left + margin * (place.left > 0),
        place.top + margin * (place.top > 0),
        place.right - margin * (place.right < place.width),
        place.bottom - margin * (place.bottom < place.height),
    )


def _carry_on(picture: Image.Image, place: Growth, *, seed: int) -> Image.Image:
    """Return a canvas with the picture in its place, mirrored around it under some noise.

    What lies there matters little at full strength, but the network's first look at the edges
    should find colours that go on.
    """
    pads = (
        (place.top, place.height - place.bottom),
        (place.left, place.width - place.right),
        (0, 0),
    )
    mirrored = np.pad(np.asarray(picture, np.int16), pads, mode="symmetric")
    noise = np.random.default_rng(seed).normal(0, _NOISE_SPREAD, mirrored.shape)
    canvas = Image.fromarray((mirrored + noise).clip(0, 255).astype(np.uint8))
    canvas.paste(picture, (place.left, place.top))
    return canvas


def _mask_of(use: MaskUse, picture: Image.Image | None, size: tuple[int, int]) -> Image.Image:
    """Return a mask of black and white: where a picture is bright, and inside boxes.

    Raises:
        BadRequest: it is black all over.

    """
    mask = Image.new("L", size, 0) if picture is None else _resized_mask(picture, size)
    draw = ImageDraw.Draw(mask)
    width, height = size
    for box in use.boxes:
        if box.left < box.right and box.top < box.bottom:
            corners = (box.left * width, box.top * height)
            opposite = (box.right * width - 1, box.bottom * height - 1)
            draw.rectangle((*corners, *opposite), fill=255)
    if mask.getextrema()[1] == 0:
        raise BadRequest("The mask marks nothing to be drawn anew.")
    return mask


def _resized_mask(picture: Image.Image, size: tuple[int, int]) -> Image.Image:
    resized = picture.resize(size, Image.Resampling.LANCZOS).convert("L")
    return resized.point(lambda value: 255 if value >= 128 else 0)


def _resized(picture: Image.Image, size: tuple[int, int]) -> Image.Image:
    picture = picture.convert("RGB")
    return picture if picture.size == size else picture.resize(size, Image.Resampling.LANCZOS)


def _feather(mask: Image.Image) -> Image.Image:
    """Return how much the drawing counts: nothing outside the mask, fading in on its inside."""
    radius = max(1.0, min(mask.size) / 128)
    soft = np.asarray(mask.filter(ImageFilter.GaussianBlur(radius)), np.float32) / 255
    weight = ((soft - 0.5) * 2).clip(0, 1) * (np.asarray(mask) > 0)
    return Image.fromarray((weight * 255).round().astype(np.uint8))


def _needed(source: Image.Image | None) -> Image.Image:
    if source is None:
        raise BadRequest("This needs a picture to start from.")
    return source
