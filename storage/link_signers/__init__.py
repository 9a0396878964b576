"""Who makes links: our own HMAC, S3's presigning, CloudFront's canned policies, Cloudflare."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, assert_never

from storage.link_signer import LinkSigner


@dataclass(frozen=True, kw_only=True)
class OwnLinks:
    """Links to the gateway at `public_url`, which verifies them; the last key signs."""

    public_url: str
    signing_keys: Mapping[str, bytes] = field(repr=False)


@dataclass(frozen=True, kw_only=True)
class S3Links:
    """Presigned links to an S3 server; without keys boto3 looks for them where it always does."""

    bucket: str
    endpoint_url: str | None = None
    region: str = "us-east-1"
    access_key_id: str | None = None
    secret_access_key: str | None = field(default=None, repr=False)
    addressing_style: Literal["path", "virtual"] = "path"


@dataclass(frozen=True, kw_only=True)
class CloudFrontLinks:
    """Links to a CloudFront distribution, signed by the private key of a trusted key group."""

    url: str
    key_pair_id: str
    private_key_file: Path


@dataclass(frozen=True, kw_only=True)
class CloudflareLinks:
    """Links to a zone whose rule checks a token; `lifetime_s` is what that rule says."""

    url: str
    secret_file: Path
    lifetime_s: int = 10_800


LinkSettings = OwnLinks | S3Links | CloudFrontLinks | CloudflareLinks


def open_link_signer(settings: LinkSettings) -> LinkSigner:
    """Open what makes the links that the settings name.

    Raises:
        StorageUnavailable: it has nothing to sign with, or a key that cannot be read.

    """
    match settings:
        case OwnLinks():
            from storage.link_signers.own import OwnLinkSigner

            return OwnLinkSigner(public_url=settings.public_url, signing_keys=settings.signing_keys)
        case S3Links():
            from storage.link_signers.s3 import S3LinkSigner

            return S3LinkSigner(
                bucket=settings.bucket,
                endpoint_url=settings.endpoint_url,
                region=settings.region,
                access_key_id=settings.access_key_id,
                secret_access_key=settings.secret_access_key,
                addressing_style=settings.addressing_style,
            )
        case CloudFrontLinks():
            from storage.link_signers.cloudfront import CloudFrontLinkSigner

            return CloudFrontLinkSigner(
                url=settings.url,
                key_pair_id=settings.key_pair_id,
                private_key_file=settings.private_key_file,
            )
        case CloudflareLinks():
            from storage.link_signers.cloudflare import CloudflareLinkSigner

            return CloudflareLinkSigner(
                url=settings.url,
                secret_file=settings.secret_file,
                lifetime_s=settings.lifetime_s,
            )
        case _:
            assert_never(settings)
