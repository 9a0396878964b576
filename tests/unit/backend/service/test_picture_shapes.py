"""The shape of a picture that is uploaded, or that grows."""

import pytest
from hypothesis import given as drawn
from hypothesis import strategies as st

from backend.domain.errors import PictureOperationInvalid
from backend.domain.prompts import ASPECT_RATIO_MAX
from backend.domain.requests import Outpaint
from backend.service.given_pictures import ratio_of

sides = st.integers(32, 4096)
parts = st.floats(0, 1)


@drawn(width=sides, height=sides)
def test_every_upload_has_a_shape_that_can_be_drawn(width: int, height: int) -> None:
    ratio = ratio_of((width, height), None)
    told = min(max(width / height, 1 / ASPECT_RATIO_MAX), ASPECT_RATIO_MAX)
    assert ratio.width / ratio.height == pytest.approx(told, rel=0.02)


@drawn(width=sides, height=sides, left=parts, top=parts, right=parts, bottom=parts)
def test_a_grown_shape_can_be_drawn_or_is_refused(
    width: int, height: int, left: float, top: float, right: float, bottom: float
) -> None:
    outpaint = Outpaint(left=left, top=top, right=right, bottom=bottom)
    wide = width * (1 + left + right) / (height * (1 + top + bottom))
    try:
        ratio = ratio_of((width, height), outpaint)
    except PictureOperationInvalid:
        assert not 1 / ASPECT_RATIO_MAX <= wide <= ASPECT_RATIO_MAX
    else:
        assert ratio.width / ratio.height == pytest.approx(wide, rel=0.02)
