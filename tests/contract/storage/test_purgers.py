"""What stands in front of the store is told that pictures are gone, patiently and only so long."""

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from storage.asking import ATTEMPTS, leads_somewhere
from storage.errors import StorageUnavailable
from storage.purger import Purger
from storage.purgers import CloudflarePurge, CloudFrontPurge, HookPurge, open_purger
from storage.purgers.cloudflare import BATCH, CloudflarePurger
from storage.purgers.cloudfront import CloudFrontPurger
from storage.purgers.hook import HookPurger
from tests.builders import NOW

KEYS = [f"images/ab/{'ab' * 32}/{name}" for name in ("original.png", "webp.webp")]
INVALIDATION = b"""<?xml version="1.0"?>
<Invalidation xmlns="http://cloudfront.amazonaws.com/doc/2020-05-31/"><Id>I123</Id>
<Status>InProgress</Status><CreateTime>2026-01-01T12:00:00Z</CreateTime>
<InvalidationBatch><Paths><Quantity>2</Quantity></Paths>
<CallerReference>x</CallerReference></InvalidationBatch></Invalidation>"""
DONE = {
    "hook": b'{"id": "I123"}',
    "cloudflare": b'{"success": true, "errors": [], "result": {"id": "I123"}}',
    "cloudfront": INVALIDATION,
}


@dataclass
class Edge:
    """A cache that answers with the statuses it is told, then with 200."""

    url: str = ""
    statuses: list[int] = field(default_factory=list)
    body: bytes = b"{}"
    seen: list[tuple[str, str, bytes]] = field(default_factory=list)


@pytest.fixture
def edge() -> Iterator[Edge]:
    edge = Edge()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            authorization = self.headers.get("Authorization", "")
            edge.seen.append((self.path, authorization, self.rfile.read(length)))
            self.answer()

        def do_GET(self) -> None:
            self.answer()

        def answer(self) -> None:
            status = edge.statuses.pop(0) if edge.statuses else 200
            self.send_response(status)
            if status == 302:
                self.send_header("Location", f"{edge.url}/elsewhere")
            body = edge.body if status == 200 else b"no"
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    edge.url = f"http://127.0.0.1:{server.server_port}"
    yield edge
    server.shutdown()
    thread.join()
    server.server_close()


def not_at_all(_seconds: float) -> None:
    """Pause for no time."""


def hook(edge: Edge) -> Purger:
    return HookPurger(address=f"{edge.url}/purge", token="t0ken", pause=not_at_all)  # noqa: S106


def cloudflare(edge: Edge) -> Purger:
    return CloudflarePurger(
        zone_id="z1",
        url="https://img.example.org/",
        token="t0ken",  # noqa: S106
        api=edge.url,
        pause=not_at_all,
    )


def cloudfront(edge: Edge) -> Purger:
    keys = {"access_key_id": "AKIA", "secret_access_key": "s"}
    return CloudFrontPurger(distribution_id="D1", endpoint_url=edge.url, **keys)


PURGERS: dict[str, Callable[[Edge], Purger]] = {
    "hook": hook,
    "cloudflare": cloudflare,
    "cloudfront": cloudfront,
}


@pytest.fixture(params=PURGERS)
def purger(request: pytest.FixtureRequest, edge: Edge) -> Purger:
    edge.body = DONE[request.param]
    return PURGERS[request.param](edge)


def test_all_keys_are_told_and_the_order_is_named(purger: Purger, edge: Edge):
    receipt = purger.purge(KEYS, now=NOW)
    assert (receipt.is_accepted, receipt.attempts, receipt.reference) == (True, 1, "I123")
    ((_, _, body),) = edge.seen
    assert all(key.encode() in body for key in KEYS)


def test_a_cache_that_is_busy_is_asked_again(purger: Purger, edge: Edge):
    edge.statuses = [503]
    receipt = purger.purge(KEYS, now=NOW)
    assert (receipt.is_accepted, receipt.attempts, len(edge.seen)) == (True, 2, 2)


def test_a_cache_that_refuses_is_not_asked_again(purger: Purger, edge: Edge):
    edge.statuses = [403] * ATTEMPTS
    receipt = purger.purge(KEYS, now=NOW)
    assert (receipt.is_accepted, receipt.attempts, len(edge.seen)) == (False, 1, 1)
    assert receipt.reason


@pytest.mark.parametrize("name", ["hook", "cloudflare"])
def test_patience_has_an_end_and_a_reason_without_secrets(edge: Edge, name: str):
    edge.statuses = [500] * 99
    receipt = PURGERS[name](edge).purge(KEYS, now=NOW)
    assert (receipt.is_accepted, receipt.attempts) == (False, ATTEMPTS)
    assert receipt.reason == "HTTP 500"
    assert len(edge.seen) == ATTEMPTS


@pytest.mark.parametrize("name", ["hook", "cloudflare"])
def test_a_credential_goes_nowhere_but_to_the_address_that_was_set(edge: Edge, name: str):
    edge.statuses = [302]
    receipt = PURGERS[name](edge).purge(KEYS, now=NOW)
    assert not receipt.is_accepted
    assert [authorization for _, authorization, _ in edge.seen] == ["Bearer t0ken"]


def test_nobody_at_the_address_is_no_crash(edge: Edge):
    gone = HookPurger(address="http://127.0.0.1:9/purge", pause=not_at_all)
    receipt = gone.purge(KEYS, now=NOW)
    assert (receipt.is_accepted, receipt.attempts) == (False, ATTEMPTS)


def test_cloudflare_is_told_thirty_addresses_a_call(edge: Edge):
    edge.body = DONE["cloudflare"]
    keys = [f"images/ab/{number}" for number in range(2 * BATCH + 1)]
    receipt = cloudflare(edge).purge(keys, now=NOW)
    assert receipt.is_accepted
    told = [
        json.loads(body)["files"] for path, _, body in edge.seen if path.endswith("z1/purge_cache")
    ]
    assert [len(files) for files in told] == [BATCH, BATCH, 1]
    assert told[0][0] == "https://img.example.org/images/ab/0"


def test_cloudflare_must_say_that_it_was_purged(edge: Edge):
    edge.body = b'{"success": false}'
    assert not cloudflare(edge).purge(KEYS, now=NOW).is_accepted


def test_cloudfront_is_told_paths(edge: Edge):
    edge.body = INVALIDATION
    cloudfront(edge).purge(KEYS, now=NOW)
    ((path, _, body),) = edge.seen
    assert "/distribution/D1/invalidation" in path
    assert f"<Path>/{KEYS[0]}</Path>".encode() in body


def test_the_shelf_opens_each():
    opened = [
        open_purger(HookPurge(address="http://127.0.0.1:9")),
        open_purger(CloudFrontPurge(distribution_id="D1")),
        open_purger(CloudflarePurge(zone_id="z", url="https://here", token="t")),  # noqa: S106
    ]
    assert [type(each) for each in opened] == [HookPurger, CloudFrontPurger, CloudflarePurger]


@pytest.mark.parametrize(
    ("status", "leads"), [(200, True), (404, False), (403, False), (410, False)]
)
def test_a_link_is_followed_to_see_whether_it_is_dead(edge: Edge, status: int, leads: bool):  # noqa: FBT001 - a table
    edge.statuses = [status]
    assert leads_somewhere(f"{edge.url}/images/x") is leads


@pytest.mark.parametrize("status", [500, 503, 429])
def test_a_server_in_trouble_is_no_proof_that_a_link_is_dead(edge: Edge, status: int):
    edge.statuses = [status]
    with pytest.raises(StorageUnavailable):
        leads_somewhere(f"{edge.url}/images/x")
