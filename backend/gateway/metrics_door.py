"""The door through which figures of the lines leave: to whoever has the token, or to this host."""

import hmac
from collections.abc import Mapping
from ipaddress import IPv6Address, ip_address
from typing import Final
from urllib.parse import urlsplit

from aiohttp import hdrs, web

from backend.domain.errors import Unauthenticated
from backend.gateway.clients import address_of
from backend.scheduling.gauges import Board
from backend.service.ports import Gauges

# What a proxy adds to say for whom it asks.
PROXY_HEADERS: Final = (hdrs.FORWARDED, hdrs.X_FORWARDED_FOR, "X-Real-IP", hdrs.VIA)


class MetricsDoor:
    """Opens the board of gauges.

    With a token, to whoever sends it. Without one, to this host alone, and not at all where the
    public URL is not of this host: there a proxy stands before us, and all come from loopback.
    """

    def __init__(self, *, gauges: Gauges, token: str | None, public_url: str) -> None:
        self._gauges = gauges
        self._token = token
        self._is_private = is_loopback(_host_of(public_url))

    async def open(self, request: web.Request) -> Board:
        """Return the board.

        Raises:
            Unauthenticated: the token is not the one that was set.
            HTTPNotFound: none is set, and the request does not come from this host.
            Unavailable: the server that knows the figures does not answer.

        """
        if self._token is not None:
            _must_be(self._token, request.headers)
        elif not (self._is_private and _is_from_here(request)):
            raise web.HTTPNotFound
        return await self._gauges.read()


def is_loopback(host: str | None) -> bool:
    """Whether a host, named or as an address, is this one."""
    if host is None or host == "localhost":
        return host is not None
    try:
        address = ip_address(host)
    except ValueError:
        return False
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped.is_loopback
    return address.is_loopback


def _host_of(url: str) -> str | None:
    try:
        return urlsplit(url).hostname
    except ValueError:
        return None


def _must_be(token: str, headers: Mapping[str, str]) -> None:
    scheme, _, given = headers.get(hdrs.AUTHORIZATION, "").strip().partition(" ")
    is_right = hmac.compare_digest(given.encode(errors="replace"), token.encode())
    if scheme.lower() != "bearer" or not is_right:
        error = Unauthenticated()
        error.message = "This needs the metrics token."
        error.way_out = "Send 'Authorization: Bearer' and the value of IMPASTO_METRICS_TOKEN."
        raise error


def _is_from_here(request: web.Request) -> bool:
    # A page elsewhere can have its own name point here; the name then stays in the request.
    is_for_here = is_loopback(_host_of(f"//{request.host}"))
    is_direct = not any(name in request.headers for name in PROXY_HEADERS)
    return is_direct and is_for_here and is_loopback(str(address_of(request)))
