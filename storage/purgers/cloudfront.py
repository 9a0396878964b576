"""CloudFront: an invalidation of the keys' paths.

A distribution does not tell links to one picture apart by their signatures: a path is enough.
"""

import hashlib
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from storage.asking import ATTEMPTS
from storage.purger import PurgeReceipt

# CloudFront is one service for the whole world, and lives there.
_REGION: Final = "us-east-1"


class CloudFrontPurger:
    """A Purger for a CloudFront distribution; boto3 asks again by itself."""

    def __init__(
        self,
        *,
        distribution_id: str,
        access_key_id: str | None = None,
        secret_access_key: str | None = None,
        endpoint_url: str | None = None,
    ) -> None:
        self._distribution_id = distribution_id
        session = boto3.session.Session(access_key_id, secret_access_key, region_name=_REGION)
        settings = Config(
            retries={"total_max_attempts": ATTEMPTS, "mode": "standard"},
            connect_timeout=5,
            read_timeout=10,
        )
        self._client: Any = session.client(
            "cloudfront",
            endpoint_url=endpoint_url,
            config=settings,
        )

    def purge(self, keys: Sequence[str], *, now: datetime) -> PurgeReceipt:
        paths = [f"/{key}" for key in keys]
        # The same order given twice is one order.
        name = hashlib.sha256("\n".join([now.isoformat(), *paths]).encode()).hexdigest()
        batch = {"Paths": {"Quantity": len(paths), "Items": paths}, "CallerReference": name}
        try:
            answer = self._client.create_invalidation(
                DistributionId=self._distribution_id, InvalidationBatch=batch
            )
        except ClientError as error:
            told = error.response
            tries = told.get("ResponseMetadata", {}).get("RetryAttempts", 0) + 1
            return self._refused(now, tries, told.get("Error", {}).get("Code", ""))
        except BotoCoreError as error:
            return self._refused(now, ATTEMPTS, type(error).__name__)
        return PurgeReceipt(
            purger="cloudfront",
            is_accepted=True,
            attempts=answer["ResponseMetadata"].get("RetryAttempts", 0) + 1,
            at=now,
            reference=str(answer["Invalidation"]["Id"]),
        )

    def _refused(self, now: datetime, attempts: int, reason: str) -> PurgeReceipt:
        return PurgeReceipt(
            purger="cloudfront", is_accepted=False, attempts=attempts, at=now, reason=reason
        )
