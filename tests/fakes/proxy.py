"""A TCP proxy with faults: latency, resets, a black hole, half-closed links, and traps.

A trap watches the bytes that clients send for an expression and acts once: so a process can be
killed at the very moment at which it says something, or an answer be lost after a commit.
"""

import asyncio
import contextlib
import re
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

CHUNK = 65_536
# No expression that is watched for is longer.
_REMEMBERED = 400
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


@dataclass(kw_only=True)
class Trap:
    """Springs once when a client has sent what matches `pattern`.

    `act` is called before the bytes go on. Unless it `passes`, they go nowhere; with `loses_answer`
    they do, and the link is reset as soon as the server answers.
    """

    pattern: re.Pattern[bytes]
    act: Callable[[], None] = lambda: None
    passes: bool = True
    loses_answer: bool = False
    sprung: threading.Event = field(default_factory=threading.Event)


@dataclass(eq=False, kw_only=True)
class _Link:
    client: asyncio.StreamWriter
    server: asyncio.StreamWriter
    seen: bytes = b""
    loses_answer: bool = False

    def reset(self) -> None:
        for writer in (self.client, self.server):
            with contextlib.suppress(OSError):
                connection = writer.get_extra_info("socket")
                if connection.family != socket.AF_UNIX:
                    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
            writer.transport.abort()


class Proxy:
    """Stands in front of one server, by port on loopback or by the path of a Unix socket."""

    def __init__(self, upstream: int | Path) -> None:
        self._upstream = upstream
        self._links: set[_Link] = set()
        self._traps: list[Trap] = []
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self.port = 0
        self.latency_s = 0.0
        self.is_refusing = False
        self.is_black_hole = False

    def start(self) -> None:
        """Listen on a free port."""
        self._thread.start()
        self.port = asyncio.run_coroutine_threadsafe(self._listen(), self._loop).result(20)

    def stop(self) -> None:
        """Drop every link and stop listening."""
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(20)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(20)
        self._loop.close()

    def set_trap(
        self,
        pattern: bytes,
        act: Callable[[], None] = lambda: None,
        *,
        passes: bool = True,
        loses_answer: bool = False,
    ) -> Trap:
        """Set a trap; it is gone once it has sprung."""
        trap = Trap(
            pattern=re.compile(pattern, re.DOTALL),
            act=act,
            passes=passes,
            loses_answer=loses_answer,
        )
        self._traps.append(trap)
        return trap

    def has_trap(self) -> bool:
        """Say whether a trap is still set."""
        return bool(self._traps)

    def reset(self) -> None:
        """Reset every link there is; new ones may be made."""
        self._run(lambda: [link.reset() for link in list(self._links)])

    def half_close(self) -> None:
        """End every link towards the client only, as a server does that has shut down its side."""
        self._run(lambda: [link.client.write_eof() for link in list(self._links)])

    def heal(self) -> None:
        """Lift all faults; links that went through a black hole are gone."""
        was_black = self.is_black_hole
        self.latency_s, self.is_refusing, self.is_black_hole = 0.0, False, False
        self._traps.clear()
        if was_black:
            self.reset()

    def _run(self, call: Callable[[], object]) -> None:
        async def run() -> None:
            call()

        asyncio.run_coroutine_threadsafe(run(), self._loop).result(20)

    async def _listen(self) -> int:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def _close(self) -> None:
        self._server.close()
        for link in list(self._links):
            link.reset()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        if self.is_refusing:
            client.transport.abort()
            return
        try:
            from_server, server = await self._connect()
        except OSError:
            client.transport.abort()
            return
        link = _Link(client=client, server=server)
        self._links.add(link)
        try:
            await asyncio.gather(self._up(link, reader), self._down(link, from_server))
        except OSError:
            pass
        finally:
            link.reset()
            self._links.discard(link)

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if isinstance(self._upstream, Path):
            return await asyncio.open_unix_connection(self._upstream)
        return await asyncio.open_connection("127.0.0.1", self._upstream)

    async def _up(self, link: _Link, reader: asyncio.StreamReader) -> None:
        while chunk := await reader.read(CHUNK):
            if self.latency_s:
                await asyncio.sleep(self.latency_s)
            if self.is_black_hole:
                continue
            trap = self._sprung(link, chunk)
            if trap is not None:
                await asyncio.to_thread(trap.act)
                link.loses_answer = trap.loses_answer
                trap.sprung.set()
                if not trap.passes:
                    raise ConnectionResetError
            link.server.write(chunk)
            await link.server.drain()
        raise ConnectionResetError

    async def _down(self, link: _Link, reader: asyncio.StreamReader) -> None:
        while chunk := await reader.read(CHUNK):
            if link.loses_answer:
                raise ConnectionResetError
            if not self.is_black_hole:
                link.client.write(chunk)
                await link.client.drain()
        raise ConnectionResetError

    def _sprung(self, link: _Link, chunk: bytes) -> Trap | None:
        """Take the first trap whose expression is complete with this chunk."""
        text, known = link.seen + chunk, len(link.seen)
        link.seen = text[-_REMEMBERED:]
        for trap in self._traps:
            if any(found.end() > known for found in trap.pattern.finditer(text)):
                self._traps.remove(trap)
                return trap
        return None


@contextmanager
def proxy_to(upstream: int | Path) -> Iterator[Proxy]:
    """Run a proxy for the length of a `with`."""
    proxy = Proxy(upstream)
    proxy.start()
    try:
        yield proxy
    finally:
        proxy.stop()
