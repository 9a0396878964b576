"""Parts of a picture in words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.domain.errors import PictureOperationInvalid
from backend.domain.requests import Box
from bot.presenters.regions import boxes_of

THIRD = pytest.approx(1 / 3)
TWO_THIRDS = pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("text", "edges"),
    [
        ("top left", (0, 0, THIRD, THIRD)),
        ("the upper-left corner", (0, 0, THIRD, THIRD)),
        ("bottom right", (TWO_THIRDS, TWO_THIRDS, 1, 1)),
        ("Middle", (THIRD, THIRD, TWO_THIRDS, TWO_THIRDS)),
        ("centre", (THIRD, THIRD, TWO_THIRDS, TWO_THIRDS)),
        ("middle left", (0, THIRD, THIRD, TWO_THIRDS)),
        ("left", (0, 0, THIRD, 1)),
        ("top", (0, 0, 1, THIRD)),
        ("right half", (0.5, 0, 1, 1)),
        ("lower half", (0, 0.5, 1, 1)),
    ],
)
def test_a_part_is_named_as_people_name_it(text: str, edges: tuple[float, ...]) -> None:
    (box,) = boxes_of(text)
    assert (box.left, box.top, box.right, box.bottom) == edges


def test_several_parts_are_named_at_once() -> None:
    boxes = boxes_of("left, bottom right and the middle")
    assert len(boxes) == 3
    assert boxes[0] == Box(left=0, top=0, right=boxes[0].right, bottom=1)


@pytest.mark.parametrize("text", ["", " , ", "everywhere", "left right", "half", "top left half"])
def test_what_names_no_part_is_told_how_to(text: str) -> None:
    with pytest.raises(PictureOperationInvalid, match="names no part") as refusal:
        boxes_of(text)
    assert "top left" in refusal.value.way_out


@given(text=st.text(max_size=60))
def test_any_text_is_parts_within_the_picture_or_refused(text: str) -> None:
    try:
        boxes = boxes_of(text)
    except PictureOperationInvalid:
        return
    assert all(0 <= box.left < box.right <= 1 and 0 <= box.top < box.bottom <= 1 for box in boxes)
