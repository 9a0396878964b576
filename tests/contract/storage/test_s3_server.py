"""What only an S3 server can show: credentials, buckets, a full server, one that is not there."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest

from storage.errors import StorageError, StorageFull, StorageUnavailable
from storage.object_stores import S3StoreSettings, open_object_store
from tests.fakes.servers import free_port

KEY = "images/ab/abc/original.png"


def test_a_bucket_is_only_created_when_asked_for(s3_settings: S3StoreSettings) -> None:
    other = replace(s3_settings, bucket=s3_settings.bucket + "-b", ensure_bucket=False)
    with pytest.raises(StorageUnavailable, match="NoSuchBucket"):
        open_object_store(other).put(KEY, b"data", "image/png")
    for _ in range(2):
        open_object_store(replace(other, ensure_bucket=True)).put(KEY, b"data", "image/png")


def test_a_wrong_secret_is_a_store_we_cannot_use(s3_settings: S3StoreSettings) -> None:
    wrong = replace(s3_settings, secret_access_key="wrong", ensure_bucket=False)  # noqa: S106 - fake
    with pytest.raises(StorageUnavailable):
        open_object_store(wrong).put(KEY, b"data", "image/png")


def test_a_server_that_is_not_there_is_a_store_we_cannot_use() -> None:
    settings = S3StoreSettings(
        bucket="pictures",
        endpoint_url=f"http://127.0.0.1:{free_port()}",
        access_key_id="key",
        secret_access_key="secret",  # noqa: S106 - fake
        max_attempts=1,
    )
    with pytest.raises(StorageUnavailable):
        open_object_store(settings).get(KEY)
    with pytest.raises(StorageUnavailable):
        list(open_object_store(settings).list_keys("images/"))
    with pytest.raises(StorageUnavailable):
        open_object_store(replace(settings, ensure_bucket=True))


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (507, "InsufficientStorage", StorageFull),
        (403, "QuotaExceeded", StorageFull),
        (507, "WordsOfItsOwn", StorageFull),
        (500, "InternalError", StorageUnavailable),
        (503, "SlowDown", StorageUnavailable),
    ],
)
def test_a_full_server_is_told_from_a_broken_one(
    status: int, code: str, expected: type[StorageError]
) -> None:
    with answering(status, code) as url:
        settings = S3StoreSettings(
            bucket="pictures",
            endpoint_url=url,
            access_key_id="key",
            secret_access_key="secret",  # noqa: S106 - fake
            max_attempts=1,
        )
        with pytest.raises(expected) as caught:
            open_object_store(settings).put(KEY, b"data", "image/png")
    assert type(caught.value) is expected
    assert caught.value.__cause__ is not None


@contextmanager
def answering(status: int, code: str) -> Iterator[str]:
    """Run a server that answers every PUT with this error, as S3 words errors."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"  # answers Expect: 100-continue, for which boto3 waits

        def do_PUT(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            body = f"<Error><Code>{code}</Code><Message>no</Message></Error>".encode()
            self.send_response(status)
            self.send_header("Connection", "close")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name it has
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
