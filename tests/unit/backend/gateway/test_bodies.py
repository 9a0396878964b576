"""Reading the Idempotency-Key, and what is told of fields that there are not."""

import pytest
from aiohttp.test_utils import make_mocked_request
from multidict import CIMultiDict

from backend.gateway.bodies import idempotency_key_of, read_query
from backend.gateway.problems import BadRequest
from backend.gateway.shapes import Incoming, Text, WholeNumber


def _key(*values: str) -> str | None:
    headers = CIMultiDict([("Idempotency-Key", value) for value in values])
    return idempotency_key_of(make_mocked_request("POST", "/", headers=headers))


@pytest.mark.parametrize(
    ("given", "key"),
    [
        ("abc", "abc"),
        ('"abc"', "abc"),
        (r'"a\"b\\c"', r'a"b\c'),
        ('"abc', '"abc'),
        ("x" * 255, "x" * 255),
        ("8e03978e-40d5-43dd-bc93-6894a57f9324", "8e03978e-40d5-43dd-bc93-6894a57f9324"),
    ],
)
def test_a_key_may_be_bare_or_quoted(given: str, key: str) -> None:
    assert _key(given) == key


def test_without_the_header_there_is_no_key() -> None:
    assert _key() is None


@pytest.mark.parametrize("values", [("",), ('""',), ("x" * 256,), ("ü",), ("a", "b")])
def test_a_key_that_is_none_is_refused(values: tuple[str, ...]) -> None:
    with pytest.raises(BadRequest):
        _key(*values)


class _Asked(Incoming):
    prompt: Text = ""
    n: WholeNumber = 1


def test_who_misspells_a_field_is_told_which_there_are() -> None:
    with pytest.raises(BadRequest) as refused:
        read_query(make_mocked_request("GET", "/?image_count=1"), _Asked)
    [told] = refused.value.errors
    assert (told.pointer, told.code) == ("/image_count", "extra_forbidden")
    assert told.detail == "There is no such field; known: prompt, n"
