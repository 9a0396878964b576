"""Connections that reach only addresses which were looked at: resolved once, checked, pinned."""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from aiohttp.connector import AddrInfoType, Connection
from aiohttp.tracing import Trace

from backend.domain.errors import PictureLinkUnreachable
from backend.fetching.addresses import AddressRule

# Whether a name is unknown or leads inside is not told: nobody learns our names by asking.
NOBODY: Final = "no server that may be asked answers there"
Resolve = Callable[[str, int], Awaitable[Sequence[str]]]
"""Looks up the addresses of a host, as digits."""


async def system_resolve(host: str, port: int) -> Sequence[str]:
    """Look up a host's addresses as this system does.

    Raises:
        OSError: it has none.

    """
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(sockaddr[0]) for *_, sockaddr in found))


async def addresses_of(
    host: str, port: int, *, resolve: Resolve, rule: AddressRule
) -> Sequence[str]:
    """Return a host's addresses, if all of them may be asked.

    A name with one address outside and another inside is refused whole.

    Raises:
        PictureLinkUnreachable: it has none, or one that may not.

    """
    try:
        found = await resolve(host, port)
    except (OSError, UnicodeError):
        raise PictureLinkUnreachable(NOBODY) from None
    if not found or not all(rule(address) for address in found):
        raise PictureLinkUnreachable(NOBODY)
    return found


class PinnedResolver(AbstractResolver):
    """Answers with what was looked at, whatever a name means by now."""

    def __init__(self, addresses: Sequence[str]) -> None:
        self._addresses = addresses

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for address in self._addresses
        ]

    async def close(self) -> None:
        """Hold nothing open."""


class GuardedConnector(aiohttp.TCPConnector):
    """Reaches some addresses only, and looks at each twice: before a packet leaves, and after."""

    def __init__(self, addresses: Sequence[str], *, rule: AddressRule) -> None:
        super().__init__(
            resolver=PinnedResolver(addresses),
            use_dns_cache=False,
            force_close=True,
            socket_factory=self._open_socket,
        )
        self._rule = rule

    async def connect(
        self,
        req: aiohttp.ClientRequest,
        traces: list[Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - the connector's own signature
    ) -> Connection:
        """Connect, and make sure of who answers before anything is asked."""
        connection = await super().connect(req, traces, timeout)
        try:
            transport = connection.transport
            peer = transport.get_extra_info("peername") if transport else None
            must_be_allowed(peer, self._rule)
        except PictureLinkUnreachable:
            connection.close()
            raise
        return connection

    def _open_socket(self, info: AddrInfoType) -> socket.socket:
        # A host that is written as digits never meets a resolver: this is the last gate.
        family, kind, protocol, _, sockaddr = info
        must_be_allowed(sockaddr, self._rule)
        return socket.socket(family, kind, protocol)


def must_be_allowed(peer: object, rule: AddressRule) -> None:
    """Refuse a peer that may not be asked.

    Raises:
        PictureLinkUnreachable: it may not.

    """
    if not isinstance(peer, tuple) or not peer or not rule(str(peer[0])):
        raise PictureLinkUnreachable(NOBODY)
