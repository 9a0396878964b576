"""The settings of where pictures live, how they age, and what stands in front of them."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, SecretStr, ValidationInfo, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from storage.lifecycle import Lifecycle
from storage.link_signers import CloudflareLinks, CloudFrontLinks
from storage.purgers import CloudflarePurge, CloudFrontPurge, HookPurge, PurgeSettings


class StorageSettings(BaseSettings):
    """A bucket or folders; `backend.settings` has the rest."""

    model_config = SettingsConfigDict(
        env_prefix="IMPASTO_", env_ignore_empty=True, extra="ignore", frozen=True
    )

    home: Path = Field(default_factory=lambda: Path.home() / ".impasto")
    s3_bucket: str | None = None
    s3_endpoint_url: str | None = None
    s3_public_endpoint_url: str | None = None
    s3_ensure_bucket: bool = False
    s3_region: str = "us-east-1"
    s3_access_key_id: str | None = None
    s3_secret_access_key: SecretStr | None = None
    s3_cold_class: str = "GLACIER_IR"
    cdn: Literal["cloudfront", "cloudflare"] | None = None
    cdn_url: Annotated[str | None, Field(validate_default=True)] = None
    cdn_key_file: Annotated[Path | None, Field(validate_default=True)] = None
    cdn_key_id: Annotated[str | None, Field(validate_default=True)] = None
    cdn_lifetime_s: Annotated[int, Field(ge=60)] = 10_800
    purge: Literal["hook", "cloudfront", "cloudflare"] | None = None
    purge_target: Annotated[str | None, Field(validate_default=True)] = None
    purge_token: SecretStr | None = None
    storage_hot_days: Annotated[int, Field(ge=1)] = 30
    storage_warm_days: Annotated[int, Field(ge=2)] = 365
    storage_warm_folder: Path | None = None
    storage_cold_folder: Path | None = None
    retention_days: Annotated[int, Field(ge=1)] | None = None
    retention_guilds: Annotated[
        dict[str, Annotated[int, Field(ge=1)] | None], NoDecode, Field(default_factory=dict)
    ]

    removal_unanswered: Literal["wait", "remove"] = "wait"

    @field_validator("retention_guilds", mode="before")
    @classmethod
    def _split_guilds(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        pairs = [word.partition("=") for word in value.split(",") if word.strip()]
        try:
            return {
                guild.strip(): None if days.strip() == "none" else int(days)
                for guild, _, days in pairs
            }
        except ValueError:
            raise ValueError("it must look like 4711=30,4712=none") from None

    @field_validator("cdn")
    @classmethod
    def _stands_before_a_bucket(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value is not None and not info.data.get("s3_bucket"):
            raise ValueError("it stands before a bucket: set IMPASTO_S3_BUCKET")
        return value

    @field_validator("cdn_url", "cdn_key_file")
    @classmethod
    def _is_there_for_the_cdn(cls, value: object, info: ValidationInfo) -> object:
        if info.data.get("cdn") is not None and value is None:
            raise ValueError("IMPASTO_CDN needs it")
        return value

    @field_validator("cdn_key_id")
    @classmethod
    def _is_there_for_cloudfront(cls, value: str | None, info: ValidationInfo) -> str | None:
        if info.data.get("cdn") == "cloudfront" and value is None:
            raise ValueError("IMPASTO_CDN=cloudfront needs the id of the key pair")
        return value

    @field_validator("purge")
    @classmethod
    def _knows_addresses(cls, value: str | None, info: ValidationInfo) -> str | None:
        if value == "cloudflare" and not info.data.get("cdn_url"):
            raise ValueError("cloudflare forgets addresses: set IMPASTO_CDN_URL")
        return value

    @field_validator("purge_target")
    @classmethod
    def _is_there_for_the_purge(cls, value: str | None, info: ValidationInfo) -> str | None:
        if info.data.get("purge") is not None and value is None:
            raise ValueError("IMPASTO_PURGE needs it: an address, a distribution or a zone")
        return value

    @field_validator("storage_warm_days")
    @classmethod
    def _is_after_hot(cls, value: int, info: ValidationInfo) -> int:
        if value <= info.data.get("storage_hot_days", 0):
            raise ValueError("it must be more than IMPASTO_STORAGE_HOT_DAYS")
        return value

    @property
    def cdn_links(self) -> CloudFrontLinks | CloudflareLinks | None:
        """Who makes links where a CDN stands before the bucket; None where the store does."""
        if self.cdn is None or self.cdn_url is None or self.cdn_key_file is None:
            return None
        if self.cdn == "cloudfront":
            return CloudFrontLinks(
                url=self.cdn_url,
                key_pair_id=self.cdn_key_id or "",
                private_key_file=self.cdn_key_file,
            )
        return CloudflareLinks(
            url=self.cdn_url, secret_file=self.cdn_key_file, lifetime_s=self.cdn_lifetime_s
        )

    @property
    def purge_settings(self) -> PurgeSettings | None:
        """Who is told of removals; None where nothing keeps copies."""
        target = self.purge_target or ""
        token = self.purge_token.get_secret_value() if self.purge_token else ""
        match self.purge:
            case None:
                return None
            case "hook":
                return HookPurge(address=target, token=token)
            case "cloudfront":
                secret = self.s3_secret_access_key
                return CloudFrontPurge(
                    distribution_id=target,
                    access_key_id=self.s3_access_key_id,
                    secret_access_key=secret.get_secret_value() if secret else None,
                )
            case "cloudflare":
                return CloudflarePurge(zone_id=target, url=self.cdn_url or "", token=token)

    @property
    def warm_folder(self) -> Path:
        """Where pictures lie without S3 that have rested for a while."""
        return self.storage_warm_folder or self.home / "objects-warm"

    @property
    def cold_folder(self) -> Path:
        """Where pictures lie without S3 that have rested for long."""
        return self.storage_cold_folder or self.home / "objects-cold"

    @property
    def lifecycle(self) -> Lifecycle:
        """When pictures are warm and when they are cold."""
        return Lifecycle(hot_days=self.storage_hot_days, warm_days=self.storage_warm_days)

    @property
    def objects_folder(self) -> Path:
        """Where pictures live without S3."""
        return self.home / "objects"
