"""Which addresses may be asked for pictures: public ones, by a list of our own.

`ipaddress` calls much global that leads inside: translated, mapped and tunnelled addresses carry
another one within. So of IPv6 only what is handed out to the public is left, less its tunnels.
"""

from collections.abc import Callable
from ipaddress import IPv4Address, ip_address, ip_network
from typing import Final

AddressRule = Callable[[str], bool]
"""Says whether an address, as digits, may be connected to."""

_DENIED_V4: Final = tuple(
    ip_network(text)
    for text in (
        "0.0.0.0/8",  # this network; 0.0.0.0 is this host
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # behind a provider's translation; some clouds' metadata
        "127.0.0.0/8",  # loopback
        "168.63.129.16/32",  # a cloud's own host agent, on a public address
        "169.254.0.0/16",  # link-local; most clouds' metadata
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments
        "192.0.2.0/24",  # documentation
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",  # private
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # reserved, and broadcast
    )
)
# All else (loopback, local, mapped, compatible, NAT64, discard, multicast) lies outside of it.
_PUBLIC_V6: Final = ip_network("2000::/3")
_DENIED_V6: Final = tuple(
    ip_network(text)
    for text in (
        "2001::/23",  # protocol assignments: Teredo, benchmarks, overlays
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4
        "3fff::/20",  # documentation
    )
)


def is_public(address: str) -> bool:
    """Say whether an address is of the public network; what is no address is not."""
    try:
        read = ip_address(address)
    except ValueError:
        return False
    if isinstance(read, IPv4Address):
        return not any(read in network for network in _DENIED_V4)
    return (
        read.scope_id is None
        and read in _PUBLIC_V6
        and not any(read in network for network in _DENIED_V6)
    )
