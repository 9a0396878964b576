"""Names of objects."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.errors import InvalidKey
from storage.keys import check_key, check_public_key, image_key, quarantine_key

SHA256 = "ab" + "0" * 62


def test_a_picture_lies_under_its_content_hash() -> None:
    assert image_key(SHA256, "webp", "webp") == f"images/ab/{SHA256}/webp.webp"


def test_quarantine_lies_outside_the_pictures() -> None:
    key = quarantine_key(SHA256, "png")
    assert key == f"quarantine/ab/{SHA256}/original.png"
    with pytest.raises(InvalidKey):
        check_public_key(key)


@pytest.mark.parametrize("sha256", ["", "ab", SHA256.upper(), SHA256 + "0", "../" + SHA256[3:]])
def test_what_is_no_sha256_names_no_picture(sha256: str) -> None:
    with pytest.raises(InvalidKey):
        image_key(sha256, "original", "png")


@given(key=st.text(alphabet="aZ0-_./\\%\n\0 é"))
def test_an_accepted_key_cannot_climb_or_hide(key: str) -> None:
    try:
        check_key(key)
    except InvalidKey:
        return
    segments = key.split("/")
    assert all(segment and not segment.startswith(".") for segment in segments)
    assert key.isascii()
    assert not set(key) & set("\\%\n\0 ")
