"""A bank of hashes on this machine: a real HTTP server that serves what a test puts there."""

import base64
import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

PER_PAGE = 2


@dataclass(kw_only=True)
class HashBank:
    """What the bank serves, and what it was asked."""

    url: str = ""
    listed: bytes = b""
    digest: str = ""  # what the checksum says, if not the truth
    token: str = ""
    status: int = 200
    redirects_to: str = ""
    updates: list[dict[str, object]] = field(default_factory=list)
    next_page_at: str = ""
    asked: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)

    @property
    def public_key(self) -> str:
        return base64.b64encode(self.key.public_key().public_bytes_raw()).decode()

    def answer(self, path: str, headers: dict[str, str]) -> tuple[int, bytes, dict[str, str]]:
        self.asked.append((path, headers))
        if self.redirects_to:
            return 302, b"", {"Location": self.redirects_to}
        if self.status != 200:
            return self.status, b"", {}
        if self.token and headers.get("authorization") != f"Bearer {self.token}":
            return 403, b"", {}
        parts = urlsplit(path)
        match parts.path:
            case "/list.csv":
                tag = hashlib.sha256(self.listed).hexdigest()[:16]
                if headers.get("if-none-match") == tag:
                    return 304, b"", {"ETag": tag}
                return 200, self.listed, {"ETag": tag}
            case "/list.csv.sha256":
                said = self.digest or hashlib.sha256(self.listed).hexdigest()
                return 200, f"{said}  list.csv\n".encode(), {}
            case "/list.csv.sig":
                return 200, base64.b64encode(self.key.sign(self.listed)), {}
            case "/updates":
                return 200, self._page(parse_qs(parts.query)), {}
            case _:
                return 404, b"", {}

    def _page(self, query: dict[str, list[str]]) -> bytes:
        since, at = int(query["start_time"][0]), int(query.get("at", ["0"])[0])
        news = [one for one in self.updates if int(str(one["last_updated"])) >= since]
        page: dict[str, object] = {"data": news[at : at + PER_PAGE]}
        if at + PER_PAGE < len(news):
            after = self.next_page_at or self.url
            page["paging"] = {"next": f"{after}/updates?start_time={since}&at={at + PER_PAGE}"}
        return json.dumps(page).encode()


@contextmanager
def hash_bank() -> Iterator[HashBank]:
    """Run a bank for as long as this lasts."""
    bank = HashBank()

    class Door(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            said = {name.casefold(): value for name, value in self.headers.items()}
            status, body, headers = bank.answer(self.path, said)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_arguments: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Door) as server:
        bank.url = f"http://127.0.0.1:{server.server_address[1]}"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield bank
        finally:
            server.shutdown()
