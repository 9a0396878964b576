"""What the gateway does for a local store, by the standard library: verify, then serve."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import parse_qsl, urlsplit

from storage.errors import InvalidKey, LinkRefused, ObjectNotFound
from storage.formats import content_type_of
from storage.object_store import ObjectStore
from storage.signing import verify


class ImageServer(ThreadingHTTPServer):
    """Serves `/images/{key}`; the store is set once the port is known."""

    daemon_threads = False
    objects: ObjectStore

    def __init__(self, *, signing_keys: Mapping[str, bytes], clock: Callable[[], datetime]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.signing_keys = signing_keys
        self.clock = clock

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: ImageServer

    def do_GET(self) -> None:
        address = urlsplit(self.path)
        key = address.path.removeprefix("/images/")
        try:
            verify(
                key,
                dict(parse_qsl(address.query)),
                self.server.clock(),
                signing_keys=self.server.signing_keys,
            )
            data = self.server.objects.get(key)
        except LinkRefused:
            self._answer(403, b"", "text/plain")
        except (ObjectNotFound, InvalidKey):
            self._answer(404, b"", "text/plain")
        else:
            self._answer(200, data, content_type_of(key))

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name it has
        """Say nothing."""

    def _answer(self, status: int, data: bytes, media_type: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", media_type)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)


@contextmanager
def image_server(
    *, signing_keys: Mapping[str, bytes], clock: Callable[[], datetime]
) -> Iterator[ImageServer]:
    """Run the stand-in for the length of a `with`."""
    with ImageServer(signing_keys=signing_keys, clock=clock) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
