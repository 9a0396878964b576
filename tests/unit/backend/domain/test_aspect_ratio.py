"""Aspect ratios and prompt terms."""

from math import gcd

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.domain.errors import InvalidAspectRatio
from backend.domain.prompts import ASPECT_RATIO_MAX, AspectRatio, WeightedTerm
from tests.builders import a_spec

SIDES = st.integers(min_value=-5, max_value=10_000)


@settings(derandomize=True, database=None, deadline=None)
@given(width=SIDES, height=SIDES)
def test_a_ratio_is_reduced_and_within_bounds_or_refused(width: int, height: int):
    is_allowed = width > 0 and height > 0 and 1 / 3 <= width / height <= 3
    if not is_allowed:
        with pytest.raises(InvalidAspectRatio):
            AspectRatio(width=width, height=height)
        return
    ratio = AspectRatio(width=width, height=height)
    assert gcd(ratio.width, ratio.height) == 1
    assert ratio.width * height == ratio.height * width


@pytest.mark.parametrize(("width", "height"), [(0, 3), (3, 0), (-1, 1), (31, 10), (10, 31)])
def test_zero_negative_and_narrow_ratios_are_refused(width: int, height: int):
    with pytest.raises(InvalidAspectRatio):
        AspectRatio(width=width, height=height)


def test_the_limits_themselves_are_allowed():
    assert str(AspectRatio(width=int(ASPECT_RATIO_MAX), height=1)) == "3:1"
    assert str(AspectRatio(width=1, height=int(ASPECT_RATIO_MAX))) == "1:3"


def test_equal_ratios_are_equal():
    assert AspectRatio(width=1920, height=1080) == AspectRatio(width=16, height=9)


def test_terms_are_read_as_one_text():
    terms = (WeightedTerm(text="a fox", weight=1.5), WeightedTerm(text="snow"))
    spec = a_spec(positive=terms, negative=terms[1:])
    assert (spec.positive_text, spec.negative_text) == ("a fox, snow", "snow")
