"""Places objects can live: memory, local folder, S3."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, assert_never

from storage.object_store import ObjectStore


@dataclass(frozen=True, kw_only=True)
class MemoryStoreSettings:
    """Objects are forgotten with the process; without a capacity there is always room."""

    capacity_bytes: int | None = None


@dataclass(frozen=True, kw_only=True)
class LocalStoreSettings:
    """Objects are files below `root`; links lead to the gateway at `public_url`.

    What has rested for long may be moved to `warm_root` and `cold_root`, where there are any.

    Of the signing keys (`storage.signing.load_or_create_signing_keys`) the last signs.
    """

    root: Path
    public_url: str
    signing_keys: Mapping[str, bytes] = field(repr=False)
    warm_root: Path | None = None
    cold_root: Path | None = None


@dataclass(frozen=True, kw_only=True)
class S3StoreSettings:
    """Objects lie in a bucket; no endpoint means Amazon's, no keys mean boto3's own search.

    `public_endpoint_url` is where links lead, if the server has another address from outside.
    """

    bucket: str
    endpoint_url: str | None = None
    public_endpoint_url: str | None = None
    region: str = "us-east-1"
    access_key_id: str | None = None
    secret_access_key: str | None = field(default=None, repr=False)
    addressing_style: Literal["path", "virtual"] = "path"
    ensure_bucket: bool = False
    connect_timeout_s: float = 5.0
    read_timeout_s: float = 30.0
    max_attempts: int = 3


ObjectStoreSettings = MemoryStoreSettings | LocalStoreSettings | S3StoreSettings


def open_object_store(settings: ObjectStoreSettings) -> ObjectStore:
    """Open the store that the settings name; asks no server unless `ensure_bucket` is set.

    Raises:
        StorageUnavailable: it is set up wrongly, or its bucket can be neither found nor created.

    """
    match settings:
        case MemoryStoreSettings():
            from storage.object_stores.memory import MemoryObjectStore

            return MemoryObjectStore(capacity_bytes=settings.capacity_bytes)
        case LocalStoreSettings():
            from storage.object_stores.local import LocalObjectStore

            return LocalObjectStore(
                root=settings.root,
                public_url=settings.public_url,
                signing_keys=settings.signing_keys,
                warm_root=settings.warm_root,
                cold_root=settings.cold_root,
            )
        case S3StoreSettings():
            return _open_s3(settings)
        case _:
            assert_never(settings)


def _open_s3(settings: S3StoreSettings) -> ObjectStore:
    from storage.object_stores.s3 import S3ObjectStore

    store = S3ObjectStore(
        bucket=settings.bucket,
        endpoint_url=settings.endpoint_url,
        public_endpoint_url=settings.public_endpoint_url,
        region=settings.region,
        access_key_id=settings.access_key_id,
        secret_access_key=settings.secret_access_key,
        addressing_style=settings.addressing_style,
        connect_timeout_s=settings.connect_timeout_s,
        read_timeout_s=settings.read_timeout_s,
        max_attempts=settings.max_attempts,
    )
    if settings.ensure_bucket:
        store.ensure_bucket()
    return store
