"""Canvases: what grows, what is drawn anew, and what stays to the pixel."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from backend.contracts import BoxUse, MaskUse, OutpaintUse, SourceKey
from gpu_worker.family import Family
from gpu_worker.render.canvas import lay_out
from gpu_worker.render.drawing import DrawOrder
from gpu_worker.render.pipeline import Renderer
from gpu_worker.render.sizes import grow
from gpu_worker.state import BadRequest
from tests.fakes.engines import draw_alone
from tests.unit.gpu_worker.conftest import a_render_job
from tests.unit.gpu_worker.oracle import a_picture

PARTS = st.sampled_from((0.0, 0.0, 0.3, 0.5))
GROWTHS = st.builds(
    OutpaintUse,
    zoom=st.sampled_from((1.0, 1.5, 2.0)),
    left=PARTS,
    top=PARTS,
    right=PARTS,
    bottom=PARTS,
)


def an_order(source: Image.Image, **fields: Any) -> DrawOrder:
    key = SourceKey(key="images/source.png", strength=1.0)
    return DrawOrder(job=a_render_job(source=key, **fields), source=source)


@given(
    width=st.integers(300, 3000),
    height=st.integers(300, 3000),
    outpaint=GROWTHS,
)
def test_a_grown_canvas_is_one_the_model_draws_and_holds_the_picture(
    width: int, height: int, outpaint: OutpaintUse
):
    growth = grow(width, height, outpaint, native_side=1024, side_multiple=64, longest_side=2048)
    assert growth.width % 64 == growth.height % 64 == 0
    assert max(growth.width, growth.height) <= 2048 + 32
    assert growth.width * growth.height <= 2.2 * 1024**2
    assert 0 <= growth.left < growth.right <= growth.width
    assert 0 <= growth.top < growth.bottom <= growth.height


@given(outpaint=GROWTHS, scale=st.sampled_from((1, 4)))
def test_a_native_picture_keeps_its_pixels_where_it_only_grows(outpaint: OutpaintUse, scale: int):
    growth = grow(
        1024, 1024, outpaint, native_side=1024, side_multiple=64, longest_side=4096
    ).times(scale)
    area = (1 + outpaint.left + outpaint.right) * (1 + outpaint.top + outpaint.bottom)
    if outpaint.zoom == 1 and area <= 2:
        assert (growth.right - growth.left, growth.bottom - growth.top) == (1024 * scale,) * 2


@pytest.mark.parametrize(
    ("outpaint", "size", "box"),
    [
        (OutpaintUse(zoom=2), (64, 64), (17, 17, 47, 47)),
        (OutpaintUse(right=0.5), (96, 64), (0, 0, 62, 64)),
        (OutpaintUse(left=0.5), (96, 64), (34, 0, 96, 64)),
        (OutpaintUse(top=0.5), (64, 96), (0, 34, 64, 96)),
        (OutpaintUse(bottom=0.5), (64, 96), (0, 0, 64, 62)),
    ],
)
def test_a_picture_lies_where_it_is_seen_from_further_or_moved_to(
    sdxl: Family, outpaint: OutpaintUse, size: tuple[int, int], box: tuple[int, ...]
):
    canvas = lay_out(an_order(a_picture(), outpaint=outpaint), sdxl, shown_scale=1)
    assert (canvas.width, canvas.height) == size
    assert canvas.mask is not None
    assert np.argwhere(np.asarray(canvas.mask) == 0).min(axis=0).tolist() == [box[1], box[0]]
    last = np.argwhere(np.asarray(canvas.mask) == 0).max(axis=0) + 1
    assert last.tolist() == [box[3], box[2]]


@pytest.mark.parametrize(
    ("outpaint", "corner"),
    [
        (OutpaintUse(right=0.3), (0, 0)),
        (OutpaintUse(top=0.25), (0, 16)),
        (OutpaintUse(left=0.5), (32, 0)),
    ],
)
def test_the_kept_part_of_a_grown_picture_is_the_original_to_the_pixel(
    renderer: Renderer, sdxl: Family, outpaint: OutpaintUse, corner: tuple[int, int]
):
    source = a_picture()
    drawing = draw_alone(renderer, an_order(source, outpaint=outpaint, image_count=2))
    canvas = lay_out(an_order(source, outpaint=outpaint), sdxl, shown_scale=1)
    kept = np.asarray(canvas.mask) == 0
    assert kept.sum() >= 60 * 60
    original = Image.new("RGB", (canvas.width, canvas.height))
    original.paste(source, corner)
    for picture in drawing.pictures:
        assert picture.size == original.size
        assert np.array_equal(np.asarray(picture)[kept], np.asarray(original)[kept])
        assert np.asarray(picture)[~kept].std() > 0


def test_what_a_mask_leaves_out_is_the_original_to_the_pixel(renderer: Renderer):
    source = a_picture()
    mask = MaskUse(boxes=(BoxUse(left=0.5, top=0, right=1, bottom=1),))
    job = a_render_job(source=SourceKey(key="images/a.png", strength=1.0), mask=mask)
    drawing = draw_alone(renderer, DrawOrder(job=job, source=source))
    drawn = np.asarray(drawing.pictures[0], np.int16)
    original = np.asarray(source, np.int16)
    assert np.array_equal(drawn[:, :32], original[:, :32])
    assert np.abs(drawn[:, 36:] - original[:, 36:]).mean() > 10


@pytest.mark.parametrize(
    "fields",
    [
        {"mask": MaskUse(key="images/mask.png")},
        {"mask": MaskUse(boxes=(BoxUse(left=0.5, top=0, right=0.5, bottom=1),))},
    ],
)
def test_a_mask_that_marks_nothing_is_refused(renderer: Renderer, fields: dict[str, Any]):
    job = a_render_job(source=SourceKey(key="images/a.png", strength=1.0), **fields)
    black = Image.new("L", (64, 64), 0)
    with pytest.raises(BadRequest, match="marks nothing"):
        draw_alone(renderer, DrawOrder(job=job, source=a_picture(), mask=black))


def test_work_on_a_picture_that_is_not_there_is_refused(renderer: Renderer):
    for fields in ({"outpaint": OutpaintUse(zoom=2)}, {"mask": MaskUse(key="images/m.png")}):
        with pytest.raises(BadRequest, match="needs a picture"):
            draw_alone(renderer, DrawOrder(job=a_render_job(**fields)))
