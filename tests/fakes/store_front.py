"""A front of a real S3 server that fails as such servers do: busy, shut, silent, cut off."""

import http.client
import random
import socket
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal
from urllib.parse import urlsplit

HANG_S = 120.0


@dataclass(frozen=True, kw_only=True)
class StoreFault:
    """What becomes of a share of the requests of one kind.

    `refused`: answered with `status` and `code`. `reply_lost`: done, and the link reset. `cut`: the
    body ends a hundred bytes early. `hanging`: no answer before the fault is lifted.
    """

    kind: Literal["refused", "reply_lost", "cut", "hanging"]
    method: str = "PUT"
    share: float = 1.0
    status: int = 503
    code: str = "SlowDown"


@dataclass(kw_only=True)
class StoreFront:
    """Passes requests on as they are; `seen` notes the method and path of each, `hit` those hit."""

    port: int
    upstream: str
    fault: StoreFault | None = None
    seen: list[tuple[str, str]] = field(default_factory=list)
    hit: list[tuple[str, str]] = field(default_factory=list)
    healed: threading.Event = field(default_factory=threading.Event)
    chance: random.Random = field(default_factory=lambda: random.Random(7))  # noqa: S311 - repeatable

    def break_down(self, fault: StoreFault) -> None:
        """Begin a fault."""
        self.hit.clear()
        self.healed.clear()
        self.fault = fault

    def heal(self) -> None:
        """End the fault, also for who hangs in it."""
        self.fault = None
        self.healed.set()

    def judge(self, method: str, path: str) -> StoreFault | None:
        """Say what becomes of a request."""
        self.seen.append((method, path))
        fault = self.fault
        if fault is None or method != fault.method or self.chance.random() >= fault.share:
            return None
        self.hit.append((method, path))
        return fault


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    front: StoreFront

    def _handle(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        fault = self.front.judge(self.command, self.path.partition("?")[0])
        match fault and fault.kind:
            case "refused" if fault is not None:
                text = f"<Error><Code>{fault.code}</Code><Message>no</Message></Error>"
                self._answer(fault.status, {}, text.encode())
            case "hanging":
                self.front.healed.wait(HANG_S)
                self._reset()
            case "reply_lost":
                self._ask(body)
                self._reset()
            case "cut":
                status, headers, answer = self._ask(body)
                self._answer(status, headers, answer, cut_bytes=100)
            case _:
                self._answer(*self._ask(body))

    do_GET = do_PUT = do_HEAD = do_DELETE = do_POST = _handle  # noqa: N815 - the names it calls

    def _ask(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
        """Pass the request on; its host stands in the signature and stays as it is."""
        upstream = http.client.HTTPConnection(urlsplit(self.front.upstream).netloc, timeout=30)
        try:
            upstream.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                if name.lower() not in ("connection", "expect"):
                    upstream.putheader(name, value)
            upstream.endheaders(body)
            answer = upstream.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()
        finally:
            upstream.close()

    def _answer(
        self, status: int, headers: dict[str, str], body: bytes, *, cut_bytes: int = 0
    ) -> None:
        self.send_response(status)
        for name, value in headers.items():
            if name.lower() not in ("content-length", "connection", "transfer-encoding", "date"):
                self.send_header(name, value)
        # A HEAD answer tells the length of what it does not hold.
        told = headers.get("Content-Length") if self.command == "HEAD" else None
        self.send_header("Content-Length", told or str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body[: len(body) - cut_bytes])
        if cut_bytes:
            self.close_connection = True

    def _reset(self) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name it has
        """Say nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing of clients that were killed in the middle of a request."""


@contextmanager
def store_front(upstream: str) -> Iterator[StoreFront]:
    """Run a front for the length of a `with`."""
    handler = type("Handler", (_Handler,), {})
    with _Server(("127.0.0.1", 0), handler) as server:
        front = StoreFront(port=server.server_port, upstream=upstream)
        handler.front = front  # type: ignore[attr-defined]  # a class of its own for this server
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield front
        finally:
            front.heal()
            server.shutdown()
            thread.join()
