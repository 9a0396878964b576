"""Who is told that pictures are gone: a hook of the operator's, CloudFront, Cloudflare."""

from dataclasses import dataclass, field
from typing import assert_never

from storage.purger import Purger


@dataclass(frozen=True, kw_only=True)
class HookPurge:
    """An address that takes a POST with the keys; `token` goes along as a bearer's."""

    address: str
    token: str = field(default="", repr=False)


@dataclass(frozen=True, kw_only=True)
class CloudFrontPurge:
    """A distribution; without keys boto3 looks for credentials where it always does."""

    distribution_id: str
    access_key_id: str | None = None
    secret_access_key: str | None = field(default=None, repr=False)


@dataclass(frozen=True, kw_only=True)
class CloudflarePurge:
    """A zone, by the token of somebody who may purge it; `url` is what links begin with."""

    zone_id: str
    url: str
    token: str = field(repr=False)
    api: str = "https://api.cloudflare.com/client/v4"


PurgeSettings = HookPurge | CloudFrontPurge | CloudflarePurge


def open_purger(settings: PurgeSettings) -> Purger:
    """Open what tells the cache that the settings name."""
    match settings:
        case HookPurge():
            from storage.purgers.hook import HookPurger

            return HookPurger(address=settings.address, token=settings.token)
        case CloudFrontPurge():
            from storage.purgers.cloudfront import CloudFrontPurger

            return CloudFrontPurger(
                distribution_id=settings.distribution_id,
                access_key_id=settings.access_key_id,
                secret_access_key=settings.secret_access_key,
            )
        case CloudflarePurge():
            from storage.purgers.cloudflare import CloudflarePurger

            return CloudflarePurger(
                zone_id=settings.zone_id,
                url=settings.url,
                token=settings.token,
                api=settings.api,
            )
        case _:
            assert_never(settings)
