"""From which address a request comes: that of who connects, or what trusted proxies say of it."""

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

from aiohttp import hdrs, web

Address = IPv4Address | IPv6Address
TRUSTED_PROXIES: Final[web.AppKey[tuple[IPv4Network | IPv6Network, ...]]] = web.AppKey(
    "trusted_proxies"
)
# Whoever has one address of IPv6 has these many more, and could ask from each.
_NETWORK_BITS: Final = 64


def client_of(request: web.Request) -> str:
    """Return what stands for whoever sent a request where requests are counted."""
    address = address_of(request)
    if isinstance(address, IPv6Address):
        return str(ip_network((address, _NETWORK_BITS), strict=False))
    return str(address or "")


def address_of(request: web.Request) -> Address | None:
    """Return the address that a request comes from; None if who connects has none.

    Each proxy writes at the end of `X-Forwarded-For` who asked it. So the list is read from its
    end for as long as a trusted proxy wrote the entry; what stands further left was sent along
    by the client. Where such a proxy does not say an address, it stands for who asked it.
    """
    trusted = request.app[TRUSTED_PROXIES]
    address = _read(request.remote or "")
    entries = _entries_from_the_end(request)
    while address is not None and _is_one_of(trusted, address):
        said = _read(next(entries, ""))
        if said is None:
            break
        address = said
    return address


def _entries_from_the_end(request: web.Request) -> Iterator[str]:
    for line in reversed(request.headers.getall(hdrs.X_FORWARDED_FOR, [])):
        yield from reversed(line.split(","))


def _is_one_of(networks: tuple[IPv4Network | IPv6Network, ...], address: Address) -> bool:
    return any(address in network for network in networks)


def _read(text: str) -> Address | None:
    """Read an address, which may have a zone, and a port: `[fd00::1%eth0]:80`, `10.0.0.5:80`."""
    text = text.strip()
    if text.startswith("["):
        text, _, _ = text[1:].rpartition("]")
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
