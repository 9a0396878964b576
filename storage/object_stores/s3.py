"""Objects in a bucket of any S3-compatible server, by boto3."""

import base64
import hashlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final, Literal

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from storage.errors import (
    ObjectCold,
    ObjectNotFound,
    StorageError,
    StorageFull,
    StorageUnavailable,
)
from storage.keys import check_key
from storage.link_signers.s3 import S3LinkSigner

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_RESTORED_DAYS: Final = 3
_CACHE_CONTROL: Final = "private, max-age=31536000, immutable"
_MISSING: Final = frozenset({"NoSuchKey", "NotFound", "404"})
_FULL: Final = frozenset(
    {
        "507",
        "InsufficientCapacity",
        "InsufficientStorage",
        "QuotaExceeded",
        "StorageFull",
        "XMinioAdminBucketQuotaExceeded",
        "XMinioStorageFull",
    }
)


class S3ObjectStore:
    """An ObjectStore in one bucket; the server is not asked before the first object is."""

    def __init__(
        self,
        *,
        bucket: str,
        endpoint_url: str | None = None,
        public_endpoint_url: str | None = None,
        region: str = "us-east-1",
        access_key_id: str | None = None,
        secret_access_key: str | None = None,
        addressing_style: Literal["path", "virtual"] = "path",
        connect_timeout_s: float = 5.0,
        read_timeout_s: float = 30.0,
        max_attempts: int = 3,
    ) -> None:
        """Take the bucket as it is; without keys boto3 looks for them where it always does.

        `public_endpoint_url` is where the bearer of a link reaches the server, if elsewhere.
        """
        if bool(access_key_id) != bool(secret_access_key):
            raise StorageUnavailable(
                "an S3 access key id and its secret come together or not at all"
            )
        self._bucket = bucket
        self._region = region
        settings = Config(
            connect_timeout=connect_timeout_s,
            read_timeout=read_timeout_s,
            retries={"total_max_attempts": max_attempts, "mode": "standard"},
            s3={"addressing_style": addressing_style},
            # Older servers do not know the newer checksums; we send Content-MD5 ourselves.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
        )
        with _wrapping(bucket):
            session = boto3.session.Session(access_key_id, secret_access_key, region_name=region)
            self._client = _open_client(session, endpoint_url, settings)
        self._links = S3LinkSigner(
            bucket=bucket,
            endpoint_url=public_endpoint_url or endpoint_url,
            region=region,
            access_key_id=access_key_id,
            secret_access_key=secret_access_key,
            addressing_style=addressing_style,
        )

    def ensure_bucket(self) -> None:
        """Create the bucket if it is not there.

        Raises:
            StorageUnavailable: it is not there and we may not create it.

        """
        if self._has_bucket():
            return
        try:
            with _wrapping(self._bucket):
                self._create_bucket()
        except StorageUnavailable:
            # Another process may have been quicker; servers word that in different ways.
            if not self._has_bucket():
                raise

    def put(self, key: str, data: bytes, content_type: str) -> None:
        md5 = hashlib.md5(data, usedforsecurity=False).digest()
        with _wrapping(check_key(key)):
            self._client.put_object(
                Bucket=self._bucket,
                Key=key,
                Body=data,
                ContentType=content_type,
                ContentMD5=base64.b64encode(md5).decode(),
                CacheControl=_CACHE_CONTROL,
            )

    def get(self, key: str) -> bytes:
        try:
            with _wrapping(check_key(key)):
                return self._client.get_object(Bucket=self._bucket, Key=key)["Body"].read()
        except ObjectCold:
            self._fetch(key)
            raise

    def exists(self, key: str) -> bool:
        try:
            with _wrapping(check_key(key)):
                self._client.head_object(Bucket=self._bucket, Key=key)
        except ObjectNotFound:
            return False
        return True

    def delete(self, key: str) -> None:
        with _wrapping(check_key(key)):
            self._client.delete_object(Bucket=self._bucket, Key=key)

    def link(self, key: str, ttl_s: int, now: datetime) -> str:
        return self._links.link(key, ttl_s, now)

    def list_keys(self, prefix: str) -> Iterator[str]:
        pages = self._client.get_paginator("list_objects_v2")
        with _wrapping(prefix):
            for page in pages.paginate(Bucket=self._bucket, Prefix=prefix):
                yield from (item["Key"] for item in page.get("Contents", []))

    def apply_lifecycle(self, rules: Mapping[str, Any]) -> bool:
        """Set the bucket's lifecycle rules, `rules` among those of others; False if it has them.

        Raises:
            StorageUnavailable: the server does not know such rules, or refuses these.

        """
        there = self._lifecycle()
        names = {rule["ID"] for rule in rules["Rules"]}
        others = [rule for rule in there if rule.get("ID") not in names]
        wanted = {"Rules": [*others, *rules["Rules"]]}
        if wanted["Rules"] == there:
            return False
        with _wrapping(self._bucket):
            self._client.put_bucket_lifecycle_configuration(
                Bucket=self._bucket,
                LifecycleConfiguration=wanted,  # type: ignore[arg-type]  # a plain document
            )
        return True

    def _lifecycle(self) -> list[Any]:
        try:
            answer = self._client.get_bucket_lifecycle_configuration(Bucket=self._bucket)
        except ClientError as error:
            if error.response.get("Error", {}).get("Code") == "NoSuchLifecycleConfiguration":
                return []
            raise _from_answer(error, self._bucket) from error
        except BotoCoreError as error:
            raise StorageUnavailable(f"{self._bucket}: {type(error).__name__}") from error
        return list(answer.get("Rules", []))

    def _fetch(self, key: str) -> None:
        """Ask for an archived object to be readable for some days."""
        # A server refuses whoever asks again while it is on its way.
        with suppress(StorageUnavailable), _wrapping(key):
            self._client.restore_object(
                Bucket=self._bucket, Key=key, RestoreRequest={"Days": _RESTORED_DAYS}
            )

    def _has_bucket(self) -> bool:
        try:
            with _wrapping(self._bucket):
                self._client.head_bucket(Bucket=self._bucket)
        except ObjectNotFound:
            return False
        return True

    def _create_bucket(self) -> None:
        if self._region == "us-east-1":
            self._client.create_bucket(Bucket=self._bucket)
            return
        place: Any = {"LocationConstraint": self._region}  # the stubs only know Amazon's regions
        self._client.create_bucket(Bucket=self._bucket, CreateBucketConfiguration=place)


def _open_client(
    session: boto3.session.Session, endpoint_url: str | None, settings: Config
) -> "S3Client":
    try:
        return session.client("s3", endpoint_url=endpoint_url, config=settings)
    except ValueError as error:  # what boto3 says to an address that is none
        raise StorageUnavailable(str(error)) from error


@contextmanager
def _wrapping(key: str) -> Iterator[None]:
    """Turn boto's errors into ours; their texts stay in the chain, they may hold a signed URL."""
    try:
        yield
    except ClientError as error:
        raise _from_answer(error, key) from error
    except BotoCoreError as error:
        raise StorageUnavailable(f"{key}: {type(error).__name__}") from error


def _from_answer(error: ClientError, key: str) -> StorageError:
    code = error.response.get("Error", {}).get("Code", "")
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if code in _MISSING:
        return ObjectNotFound(key)
    if code == "InvalidObjectState":
        return ObjectCold(key)
    if code in _FULL or status == 507:
        return StorageFull(f"{key}: {code}")
    return StorageUnavailable(f"{key}: {code or status}")
