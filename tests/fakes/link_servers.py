"""Servers on loopback that people could link to: they answer as told, and note who came."""

import asyncio
import io
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from PIL import Image

Answer = Callable[[str, asyncio.StreamWriter], Awaitable[None]]


@dataclass
class LinkServer:
    """A server at `host:port`; `paths` are those it was asked for, `visits` all connections."""

    host: str
    port: int = 0
    visits: int = 0
    paths: list[str] = field(default_factory=list)
    heads: list[str] = field(default_factory=list)
    answers: dict[str, bytes | Answer] = field(default_factory=dict)

    def link(self, path: str = "/fox.png", host: str = "") -> str:
        """Return a link to one of its paths."""
        return f"http://{host or self.host}:{self.port}{path}"

    def answer(
        self, path: str, body: bytes, *, status: str = "200 OK", headers: tuple[str, ...] = ()
    ) -> None:
        """Have a path answered by a body."""
        head = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, "", ""]
        self.answers[path] = "\r\n".join(head).encode() + body

    def redirect(self, path: str, to: str, *, status: str = "302 Found") -> None:
        """Have a path lead elsewhere."""
        self.answer(path, b"", status=status, headers=(f"Location: {to}",))

    async def meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one connection."""
        self.visits += 1
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            self.heads.append(head)
            path = head.split(" ")[1]
            self.paths.append(path)
            answer = self.answers.get(path, b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
            if isinstance(answer, bytes):
                writer.write(answer)
                await writer.drain()
            else:
                await answer(head, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def link_server(host: str = "127.0.0.1", port: int = 0) -> AsyncIterator[LinkServer]:
    """Open a server, which has a picture at /fox.png, and close it again."""
    told = LinkServer(host=host)
    told.answer("/fox.png", a_png(), headers=("Content-Type: image/png",))
    server = await asyncio.start_server(told.meet, host, port)
    told.port = server.sockets[0].getsockname()[1]
    try:
        yield told
    finally:
        server.close()


def a_png(colour: tuple[int, int, int] = (20, 160, 60), side: int = 64) -> bytes:
    """Return a picture of one colour."""
    buffer = io.BytesIO()
    Image.new("RGB", (side, side), colour).save(buffer, "PNG")
    return buffer.getvalue()
