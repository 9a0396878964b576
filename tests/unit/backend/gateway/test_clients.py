"""Whom requests without a key are counted for."""

import pytest
from aiohttp.test_utils import make_mocked_request

from backend.gateway.clients import client_of


def client(remote: str | None) -> str:
    return client_of(make_mocked_request("POST", "/removal").clone(remote=remote or ""))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("2a00:1450:4001:81b::1", "2a00:1450:4001:81b:ffff:ffff:ffff:ffff"),
        ("fe80::1%eth0", "fe80::2"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
    ],
)
def test_nobody_asks_twice_by_taking_another_address_of_their_own(one: str, other: str):
    assert client(one) == client(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("2a00:1450:4001:81b::1", "2a00:1450:4001:81c::1"),
        ("203.0.113.9", "203.0.113.10"),
        ("::ffff:203.0.113.9", "::ffff:203.0.113.10"),
    ],
)
def test_others_are_counted_for_themselves(one: str, other: str):
    assert client(one) != client(other)


def test_who_has_no_address_shares_one_count():
    assert client(None) == client("/run/gateway.sock") == ""
