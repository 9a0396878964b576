"""Ratios to pixels."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.contracts import fit_ratio


@pytest.mark.parametrize(
    ("ratio", "size"),
    [
        ((1, 1), (1024, 1024)),
        ((3, 2), (1280, 832)),
        ((2, 3), (832, 1280)),
        ((16, 9), (1344, 768)),
        ((3, 1), (1792, 576)),
    ],
)
def test_a_ratio_gets_the_native_area(ratio: tuple[int, int], size: tuple[int, int]):
    found = fit_ratio(
        aspect_width=ratio[0],
        aspect_height=ratio[1],
        native_side=1024,
        side_multiple=64,
        longest_side=16_384,
    )
    assert found == size


@given(
    st.integers(1, 10_000),
    st.integers(1, 10_000),
    st.sampled_from([(64, 16), (512, 64), (768, 64), (1024, 64)]),
)
def test_sides_are_multiples_and_the_area_stays_bounded(
    width: int, height: int, model: tuple[int, int]
):
    native_side, multiple = model
    found = fit_ratio(
        aspect_width=width,
        aspect_height=height,
        native_side=native_side,
        side_multiple=multiple,
        longest_side=native_side**2 // multiple,
    )
    assert all(side >= multiple and side % multiple == 0 for side in found)
    if max(width / height, height / width) <= 3:
        assert found[0] * found[1] <= 1.5 * native_side**2


def test_an_absurd_ratio_does_not_ask_for_an_absurd_picture():
    width, height = fit_ratio(
        aspect_width=1_000_000,
        aspect_height=1,
        native_side=1024,
        side_multiple=64,
        longest_side=16_384,
    )
    assert width * height <= 1024**2
    assert height == 64


@pytest.mark.parametrize(("ratio", "size"), [((3, 1), (128, 48)), ((1, 2), (64, 128))])
def test_a_side_too_long_for_the_model_shrinks_the_picture_and_keeps_the_ratio(
    ratio: tuple[int, int], size: tuple[int, int]
):
    found = fit_ratio(
        aspect_width=ratio[0],
        aspect_height=ratio[1],
        native_side=96,
        side_multiple=16,
        longest_side=128,
    )
    assert found == size
