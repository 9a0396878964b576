"""Whom requests without a key are counted for."""

from ipaddress import ip_network

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from multidict import CIMultiDict

from backend.gateway.clients import TRUSTED_PROXIES, address_of, client_of

TRUSTED = ("10.0.0.5", "172.18.0.0/16", "fd00::/8")


def request_from(
    remote: str | None, *lines: str, trusted: tuple[str, ...] = TRUSTED
) -> web.Request:
    app = web.Application()
    app[TRUSTED_PROXIES] = tuple(map(ip_network, trusted))
    headers = CIMultiDict([("X-Forwarded-For", line) for line in lines])
    request = make_mocked_request("POST", "/removal", headers=headers, app=app)
    return request.clone(remote=remote or "")


def client(remote: str | None) -> str:
    return client_of(request_from(remote))


def address(remote: str, *lines: str, trusted: tuple[str, ...] = TRUSTED) -> str:
    return str(address_of(request_from(remote, *lines, trusted=trusted)))


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


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("203.0.113.9", "203.0.113.9"),
        (" 203.0.113.9:51234 ", "203.0.113.9"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("2001:db8::9", "2001:db8::9"),
        ("[2001:db8::9]", "2001:db8::9"),
        ("[2001:db8::9]:51234", "2001:db8::9"),
        ("fe80::9%eth0", "fe80::9"),
    ],
)
def test_a_trusted_proxy_is_believed_however_it_writes_an_address(said: str, meant: str):
    assert address("10.0.0.5", said) == meant
    assert address("::ffff:10.0.0.5", said) == meant


@pytest.mark.parametrize("peer", ["10.0.0.6", "203.0.113.1", "2001:db8::1"])
def test_whoever_else_says_for_whom_they_ask_is_not_believed(peer: str):
    assert address(peer, "203.0.113.9") == peer
    assert address("10.0.0.5", "203.0.113.9", trusted=()) == "10.0.0.5"


@pytest.mark.parametrize(
    "lines",
    [
        ("203.0.113.9, 172.18.0.7",),
        ("198.51.100.1, 203.0.113.9, 172.18.0.7, fd00::7",),
        ("198.51.100.1, 203.0.113.9", "172.18.0.7"),
        ("198.51.100.1", "203.0.113.9", "172.18.0.7,fd00::7"),
        ("10.0.0.5, 203.0.113.9",),
        ("unknown, <script>, , 203.0.113.9",),
    ],
)
def test_the_last_entry_that_is_no_trusted_proxy_counts_whatever_stands_before(
    lines: tuple[str, ...],
):
    assert address("10.0.0.5", *lines) == "203.0.113.9"


@pytest.mark.parametrize(
    "said",
    [
        *("unknown", "_hidden", "", " , ", "999.1.1.1", "203.0.113.9.", "10.0.0.5:80:80"),
        *("[2001:db8::9", "[]", "203.0.113.0/24", "203.0.113.9, unknown", "203.0.113.9,"),
    ],
)
def test_what_is_no_address_stands_for_the_proxy_that_wrote_it(said: str):
    assert address("10.0.0.5", said) == "10.0.0.5"
    assert address("10.0.0.5", f"{said}, 172.18.0.7") == "172.18.0.7"


def test_a_chain_of_nothing_but_proxies_comes_from_its_first():
    assert address("10.0.0.5", "fd00::9, 172.18.0.7") == "fd00::9"
    assert address("10.0.0.5") == "10.0.0.5"


def test_other_headers_that_name_clients_are_not_read():
    app = web.Application()
    app[TRUSTED_PROXIES] = (ip_network("10.0.0.5"),)
    headers = {"Forwarded": "for=203.0.113.9", "X-Real-IP": "203.0.113.9"}
    request = make_mocked_request("GET", "/", headers=headers, app=app)
    assert str(address_of(request.clone(remote="10.0.0.5"))) == "10.0.0.5"
