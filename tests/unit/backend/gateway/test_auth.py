"""Reading the Authorization header."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backend.domain.errors import Unauthenticated
from backend.gateway.auth import bearer_secret


@pytest.mark.parametrize("header", ["Bearer abc", "bearer abc", "  BEARER   abc  "])
def test_a_bearer_secret_is_found_however_its_scheme_is_spelt(header: str) -> None:
    assert bearer_secret(header) == "abc"


@pytest.mark.parametrize(
    "header", ["", "abc", "Bearer", "Bearer  ", "Basic abc", "Bearer a b", "Bearer ü"]
)
def test_anything_else_is_unauthenticated(header: str) -> None:
    with pytest.raises(Unauthenticated):
        bearer_secret(header)


@given(st.text())
def test_no_header_breaks_the_reading(header: str) -> None:
    with contextlib.suppress(Unauthenticated):
        assert bearer_secret(header)
