"""Who asks without a key: an address, or the network that one household or one host is given."""

from ipaddress import IPv6Address, ip_address, ip_network
from typing import Final

from aiohttp import web

# Whoever has one address of IPv6 has these many more, and could ask from each.
_NETWORK_BITS: Final = 64


def client_of(request: web.Request) -> str:
    """Return what stands for whoever sent a request where requests are counted."""
    try:
        address = ip_address((request.remote or "").partition("%")[0])
    except ValueError:
        return ""
    if not isinstance(address, IPv6Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ip_network((address, _NETWORK_BITS), strict=False))
