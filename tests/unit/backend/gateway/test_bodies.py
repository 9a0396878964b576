"""Reading the Idempotency-Key."""

import pytest
from aiohttp.test_utils import make_mocked_request
from multidict import CIMultiDict

from backend.gateway.bodies import idempotency_key_of
from backend.gateway.problems import BadRequest


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
