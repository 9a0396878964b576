"""Presigned links to an S3 server, made as of a time that is passed in."""

from datetime import UTC, datetime
from typing import Final, Literal

import boto3
from botocore import UNSIGNED
from botocore.auth import S3SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import ReadOnlyCredentials
from botocore.exceptions import BotoCoreError

from storage.errors import StorageUnavailable
from storage.keys import check_public_key
from storage.object_store import link_expiry

_LONGEST_LINK_S: Final = 7 * 24 * 3600


class S3LinkSigner:
    """A LinkSigner for pictures that an S3 server hands out itself."""

    def __init__(
        self,
        *,
        bucket: str,
        endpoint_url: str | None = None,
        region: str = "us-east-1",
        access_key_id: str | None = None,
        secret_access_key: str | None = None,
        addressing_style: Literal["path", "virtual"] = "path",
    ) -> None:
        """Take the server as browsers reach it; without keys boto3 looks for them as always."""
        self._bucket = bucket
        self._region = region
        unsigned = Config(signature_version=UNSIGNED, s3={"addressing_style": addressing_style})
        try:
            session = boto3.session.Session(access_key_id, secret_access_key, region_name=region)
            self._credentials = session.get_credentials()
            self._addresses = session.client("s3", endpoint_url=endpoint_url, config=unsigned)
        except (BotoCoreError, ValueError) as error:
            raise StorageUnavailable(f"{bucket}: {type(error).__name__}") from error

    def link(self, key: str, ttl_s: int, now: datetime) -> str:
        if self._credentials is None:
            raise StorageUnavailable("there are no credentials to sign links with")
        address = self._addresses.generate_presigned_url(
            "get_object", Params={"Bucket": self._bucket, "Key": check_public_key(key)}
        )
        request = AWSRequest(method="GET", url=address)
        _SignerAsOf(
            credentials=self._credentials.get_frozen_credentials(),
            region=self._region,
            now=now,
            expires_at=link_expiry(now, ttl_s),
        ).add_auth(request)
        return str(request.url)


class _SignerAsOf(S3SigV4QueryAuth):
    """Presigns as of a given time, where botocore would take the machine's clock.

    The time is rounded down to the minute, so that links made in the same minute can be the same.
    """

    def __init__(
        self, *, credentials: ReadOnlyCredentials, region: str, now: datetime, expires_at: datetime
    ) -> None:
        self._signed_at = now.astimezone(UTC).replace(second=0, microsecond=0)
        expires_s = int((expires_at - self._signed_at).total_seconds())
        super().__init__(credentials, "s3", region, expires=min(expires_s, _LONGEST_LINK_S))

    def _modify_request_before_signing(self, request: AWSRequest) -> None:
        request.context["timestamp"] = self._signed_at.strftime("%Y%m%dT%H%M%SZ")
        super()._modify_request_before_signing(request)  # type: ignore[misc]  # not in the stubs
