"""Fetches one picture behind a link, within bounds, following few redirects and trusting none."""

import asyncio
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final
from urllib.parse import urljoin

import aiohttp
from aiohttp import hdrs
from yarl import URL

from backend.domain.errors import (
    PictureInvalid,
    PictureLinkInvalid,
    PictureLinkUnreachable,
    PictureTooLarge,
)
from backend.fetching.addresses import AddressRule, is_public
from backend.fetching.pinned import (
    NOBODY,
    GuardedConnector,
    Resolve,
    addresses_of,
    system_resolve,
)
from backend.fetching.targets import PORTS, target_of

_HEADERS: Final = {
    hdrs.USER_AGENT: "Impasto (fetches pictures that its members link to)",
    hdrs.ACCEPT: "image/png, image/jpeg, image/webp, image/gif",
    # What is packed could be far larger than what is sent.
    hdrs.ACCEPT_ENCODING: "identity",
}
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})
_CHUNK_BYTES: Final = 64 * 1024
_HEAD_BYTES: Final = 16
_MIB: Final = 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class FetchLimits:
    """How much is fetched, for how long, through how many redirects, from which ports."""

    bytes_max: int = 25 * _MIB
    timeout_s: float = 10.0
    redirects_max: int = 3
    ports: frozenset[int] = PORTS


class PictureFetcher:
    """The `PictureLinks` over HTTP; `rule` says which addresses may be asked."""

    def __init__(
        self,
        *,
        rule: AddressRule = is_public,
        resolve: Resolve = system_resolve,
        limits: FetchLimits | None = None,
    ) -> None:
        self._rule = rule
        self._resolve = resolve
        self._limits = limits or FetchLimits()

    async def fetch(self, link: str) -> bytes:
        try:
            async with asyncio.timeout(self._limits.timeout_s):
                return await self._follow(link)
        except TimeoutError:
            raise PictureLinkUnreachable("it took too long") from None

    async def _follow(self, link: str) -> bytes:
        url = target_of(link, ports=self._limits.ports)
        for _ in range(self._limits.redirects_max + 1):
            found = await self._ask(url)
            if isinstance(found, bytes):
                return found
            url = found
        raise PictureLinkUnreachable("it leads on and on")

    async def _ask(self, url: URL) -> bytes | URL:
        """Return the picture that is there, or where it is said to be."""
        host, port = url.raw_host or "", url.port or 0
        addresses = await addresses_of(host, port, resolve=self._resolve, rule=self._rule)
        session = aiohttp.ClientSession(
            connector=GuardedConnector(addresses, rule=self._rule),
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
            # One deadline is for all of it.
            timeout=aiohttp.ClientTimeout(),
        )
        try:
            async with session, session.get(url, headers=_HEADERS, allow_redirects=False) as answer:
                return await self._read(answer)
        except (aiohttp.ClientError, OSError, ValueError):
            raise PictureLinkUnreachable(NOBODY) from None

    async def _read(self, answer: aiohttp.ClientResponse) -> bytes | URL:
        if answer.status in _REDIRECTS:
            return self._next(answer)
        if answer.status != HTTPStatus.OK:
            raise PictureLinkUnreachable(f"its server answers {answer.status}")
        if (answer.content_length or 0) > self._limits.bytes_max:
            raise self._too_large()
        data = bytearray()
        async for chunk in answer.content.iter_chunked(_CHUNK_BYTES):
            is_head = len(data) < _HEAD_BYTES
            data += chunk
            # A page, or a stream of anything, is not read on.
            if is_head and len(data) >= _HEAD_BYTES and not is_picture(data):
                raise PictureInvalid
            if len(data) > self._limits.bytes_max:
                raise self._too_large()
        if not is_picture(data):
            raise PictureInvalid
        return bytes(data)

    def _next(self, answer: aiohttp.ClientResponse) -> URL:
        try:
            link = urljoin(str(answer.url), answer.headers.get(hdrs.LOCATION, ""))
        except ValueError:
            raise PictureLinkInvalid("it leads to what cannot be read") from None
        return target_of(link, ports=self._limits.ports)

    def _too_large(self) -> PictureTooLarge:
        return PictureTooLarge(limit=f"at most {self._limits.bytes_max // _MIB} MiB are fetched")


def is_picture(head: bytes | bytearray) -> bool:
    """Say whether bytes begin as a PNG, JPEG, GIF or WebP does."""
    data = bytes(head[:_HEAD_BYTES])
    is_webp = data[:4] == b"RIFF" and data[8:12] == b"WEBP"
    return is_webp or data.startswith((b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF87a", b"GIF89a"))
