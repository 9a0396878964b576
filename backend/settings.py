"""Settings of the backend, read from IMPASTO_ variables and handed down as values."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import Field, SecretStr, ValidationError, ValidationInfo, field_validator
from pydantic_settings import NoDecode, SettingsConfigDict
from redis.connection import parse_url

from backend.db.urls import async_url
from backend.domain.families import ModelFamily
from backend.domain.tiers import TIER_POLICIES, Tier, TierPolicy
from backend.models.starters import families_to_serve
from backend.prompt.house import SHIPPED, BadHouse, House, open_house
from backend.prompt.translators import TranslatorName, TranslatorSettings
from backend.storage_settings import StorageSettings
from safety.errors import PolicyInvalid
from safety.policy import DEFAULT_POLICY, Policy, read_policy
from safety.prompt_checks import PromptCheckSettings

TierLimits = dict[Tier, Annotated[int, Field(ge=1)] | None]
_MAPPED_BITS: Final = 96
_AXIS: Final = re.compile(r"[a-z][a-z_]{0,31}")


def _loopback_url(given: dict[str, Any]) -> str:
    return f"http://127.0.0.1:{given.get('gateway_port', 0)}"


def _families_with_a_model(given: dict[str, Any]) -> tuple[ModelFamily, ...]:
    return families_to_serve([family for family in ModelFamily if given.get(f"model_{family}")])


class Settings(StorageSettings):
    """Where state lives, which servers to use, which families are served.

    Whatever is unset, or empty, runs embedded: SQLite, a Valkey server of our own, a folder of
    pictures.
    """

    model_config = SettingsConfigDict(
        env_prefix="IMPASTO_", env_ignore_empty=True, extra="ignore", frozen=True
    )

    database_url: str | None = None
    redis_url: str | None = None
    gateway_host: str = "127.0.0.1"
    gateway_port: Annotated[int, Field(ge=0, le=65535)] = 8080
    public_url: str = Field(default_factory=_loopback_url)
    # Reverse proxies, which are believed when they say for whom they ask.
    trusted_proxies: Annotated[tuple[IPv4Network | IPv6Network, ...], NoDecode] = ()
    policy: Path | None = None
    audit_anchor: Path | None = None
    # Accounts of moderators who may find an estimate of child safety wrong.
    safety_reviewers: Annotated[tuple[str, ...], NoDecode] = ()
    # Whether a moderator may decide about what is their own.
    moderators_decide_own: bool = True
    # Accounts that may set guilds' policies over REST.
    policy_editors: Annotated[tuple[str, ...], NoDecode] = ()
    model_sdxl: str | None = None
    model_sd3: str | None = None
    model_flux: str | None = None
    families: Annotated[tuple[ModelFamily, ...], NoDecode, Field(min_length=1)] = Field(
        default_factory=_families_with_a_model
    )
    prompt_house: Path | None = None
    translator: TranslatorName | Literal["none"] = "glossary"
    translator_model: Annotated[str | None, Field(validate_default=True)] = None
    translator_url: Annotated[str | None, Field(validate_default=True)] = None
    translator_api_key: SecretStr | None = None
    translation_deadline_s: Annotated[float, Field(gt=0, le=60)] = 3.0
    translation_must: bool = False
    picture_links: bool = True
    prompt_guard_model: str = ""
    prompt_guard_labels: Annotated[
        dict[str, Annotated[str, Field(pattern=r"^[a-z][a-z_]*$")]],
        NoDecode,
        Field(validate_default=True),
    ] = Field(default_factory=dict)
    prompt_names_model: str = ""
    prompt_model_deadline_s: Annotated[float, Field(gt=0, le=60)] = 2.0
    worker_patience_s: Annotated[float, Field(gt=0)] = 120.0
    running_max: Annotated[TierLimits, NoDecode] = Field(default_factory=dict)
    waiting_max: Annotated[TierLimits, NoDecode] = Field(default_factory=dict)
    provenance: Path | None = None
    c2pa_chain: Path | None = None
    c2pa_key: Path | None = None
    # Where manifests are stamped with the time (RFC 3161); "": nowhere.
    c2pa_time_stamps: Annotated[str, Field(pattern=r"^(https?://\S+)?$")] = ""
    # A taught decoder's extractor, whose signature is looked for.
    signature: Path | None = None
    # Image classifiers for transformers, by folder or hub id, and which of their labels count.
    nsfw_second: str = ""
    nsfw_second_labels: str = ""
    age_estimator: str = ""
    age_estimator_labels: str = ""
    # The document that names lists of known pictures.
    hash_lists: Path | None = None
    # By axis: the folder or hub id of an image classifier.
    bias_estimators: Annotated[dict[str, str], NoDecode] = Field(default_factory=dict)
    metrics_token: SecretStr | None = None
    discord_token: SecretStr | None = None
    dispatch_lease_s: Annotated[float, Field(gt=0)] = 4.0
    start_lease_s: Annotated[float, Field(gt=0)] = 8.0
    progress_lease_s: Annotated[float, Field(gt=0)] = 8.0

    @field_validator("families", "safety_reviewers", "policy_editors", mode="before")
    @classmethod
    def _split_names(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(word.strip() for word in value.split(",") if word.strip())
        return value

    @field_validator("trusted_proxies", mode="before")
    @classmethod
    def _split_networks(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        with _told_as("it must be the addresses of your proxies: 10.0.0.5,172.18.0.0/16,fd00::/8"):
            return tuple(_network_of(word.strip()) for word in value.split(",") if word.strip())

    @field_validator("trusted_proxies")
    @classmethod
    def _leave_out_clients(
        cls, value: tuple[IPv4Network | IPv6Network, ...]
    ) -> tuple[IPv4Network | IPv6Network, ...]:
        if any(network.prefixlen == 0 for network in value):
            raise ValueError("it must not be every address: who is a proxy would be a client too")
        return value

    @field_validator("bias_estimators", mode="before")
    @classmethod
    def _split_estimators(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        pairs = [word.partition("=") for word in value.split(",") if word.strip()]
        if not all(_AXIS.fullmatch(axis.strip()) and source.strip() for axis, _, source in pairs):
            raise ValueError("it must look like gender=org/model,age=/models/age")
        return {axis.strip(): source.strip() for axis, _, source in pairs}

    @field_validator("running_max", "waiting_max", mode="before")
    @classmethod
    def _split_limits(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        with _told_as("it must look like turbo=20,fast=50,relax=none"):
            return dict(_limit_of(word) for word in value.split(",") if word.strip())

    @field_validator("storage_warm_days")
    @classmethod
    def _is_after_hot(cls, value: int, info: ValidationInfo) -> int:
        if value <= info.data.get("storage_hot_days", 0):
            raise ValueError("it must be more than IMPASTO_STORAGE_HOT_DAYS")
        return value

    @field_validator("prompt_guard_labels", mode="before")
    @classmethod
    def _split_labels(cls, value: object, info: ValidationInfo) -> object:
        if isinstance(value, str):
            pairs = (word.partition("=") for word in value.split(",") if word.strip())
            value = {label.strip(): category.strip() for label, _, category in pairs}
        if info.data.get("prompt_guard_model") and not value:
            raise ValueError("it must look like toxic=hate,sexual=sexual: labels of the model")
        return value

    @field_validator("prompt_house")
    @classmethod
    def _can_be_read(cls, value: Path | None) -> Path | None:
        try:
            if value is not None:
                open_house(value)
        except BadHouse as error:
            raise ValueError(str(error)) from None
        return value

    @field_validator("translator_model")
    @classmethod
    def _names_a_model(cls, value: str | None, info: ValidationInfo) -> str | None:
        match info.data.get("translator"):
            case "ctranslate2" if not Path(value or "/nowhere").expanduser().is_dir():
                raise ValueError("it must be a folder of converted models")
            case "transformers" if not value:
                raise ValueError("it must be a model's folder or hub id")
        return value

    @field_validator("translator_url")
    @classmethod
    def _names_a_translator(cls, value: str | None, info: ValidationInfo) -> str | None:
        is_asked = info.data.get("translator") == "libretranslate"
        if is_asked and not (value or "").startswith(("http://", "https://")):
            raise ValueError("it must be the http address of a server that translates")
        return value

    @field_validator("database_url")
    @classmethod
    def _names_a_database(cls, value: str | None) -> str | None:
        # What a driver says of an address it cannot read may quote the password.
        with _told_as("it must look like postgresql://user:password@host/name"):
            if value is not None:
                async_url(value)
        return value

    @field_validator("redis_url")
    @classmethod
    def _names_a_server(cls, value: str | None) -> str | None:
        with _told_as("it must look like redis://:password@host:6379/0"):
            if value is not None:
                parse_url(value)  # type: ignore[no-untyped-call]  # ships untyped
        return value

    @field_validator("policy")
    @classmethod
    def _is_a_policy(cls, value: Path | None) -> Path | None:
        with _told_as("it must be a file with a safety policy; see safety/README.md"):
            if value is not None:
                read_policy(value.read_text(encoding="utf-8"))
        return value

    def make_home(self) -> None:
        """Make the home folder; prompts, tokens and pictures lie there, for their owner alone."""
        self.home.mkdir(mode=0o700, parents=True, exist_ok=True)

    def model_source(self, family: ModelFamily) -> str | None:
        """Return the family's model folder or hub id, None where none is configured."""
        match family:
            case ModelFamily.SDXL:
                return self.model_sdxl
            case ModelFamily.SD3:
                return self.model_sd3
            case ModelFamily.FLUX:
                return self.model_flux

    @property
    def house(self) -> House:
        """The workshop's own part of the language of prompts: its file, else what ships."""
        return open_house(self.prompt_house or SHIPPED)

    @property
    def translator_settings(self) -> TranslatorSettings | None:
        """Which translator puts prompts into English, and what it needs; None if none does."""
        if self.translator == "none":
            return None
        key = self.translator_api_key
        return TranslatorSettings(
            name=self.translator,
            model=self.translator_model or "",
            url=self.translator_url or "",
            api_key=key.get_secret_value() if key else "",
            timeout_s=self.translation_deadline_s,
        )

    @property
    def prompt_check_settings(self) -> PromptCheckSettings:
        """Which models judge prompts beside the checks that ship."""
        return PromptCheckSettings(
            guard_model=self.prompt_guard_model,
            guard_labels=self.prompt_guard_labels,
            names_model=self.prompt_names_model,
            deadline_s=self.prompt_model_deadline_s,
        )

    @property
    def tier_policies(self) -> dict[Tier, TierPolicy]:
        """The tiers' policies with the limits that were set."""
        return {
            tier: replace(
                policy,
                running_max=self.running_max.get(tier, policy.running_max),
                waiting_max=self.waiting_max.get(tier, policy.waiting_max),
            )
            for tier, policy in TIER_POLICIES.items()
        }

    @property
    def safety_policy(self) -> Policy:
        """The safety policy in force: the one that ships, unless one is set."""
        return (
            read_policy(self.policy.read_text(encoding="utf-8")) if self.policy else DEFAULT_POLICY
        )

    @property
    def database(self) -> str:
        """The database URL, SQLite under `home` unless one is set."""
        return self.database_url or f"sqlite+aiosqlite:///{self.home / 'impasto.db'}"

    @property
    def has_database(self) -> bool:
        """Whether there is a database already, or one elsewhere."""
        return bool(self.database_url) or (self.home / "impasto.db").is_file()

    @property
    def provenance_folder(self) -> Path:
        """Where the keys lie that pictures are marked and signed with."""
        return self.provenance or self.home / "provenance"

    @property
    def audit_keys_file(self) -> Path:
        """Where the keys live that sign heads of the audit log."""
        return self.home / "audit-keys.json"

    @property
    def audit_anchor_file(self) -> Path:
        """Where signed heads of the audit log are written besides the database."""
        return self.audit_anchor or self.home / "audit-heads.jsonl"

    @property
    def quarantine_key_file(self) -> Path:
        """Where the private key lies that opens what was sealed, unless it is kept elsewhere."""
        return self.home / "quarantine.key"

    @property
    def pseudonyms_file(self) -> Path:
        """Where the secret lives by which people are called in exports."""
        return self.home / "pseudonyms.json"

    @property
    def signing_keys_file(self) -> Path:
        """Where the keys of signed links live."""
        return self.home / "signing.json"


def _limit_of(text: str) -> tuple[Tier, int | None]:
    tier, _, limit = text.partition("=")
    return Tier(tier.strip()), None if limit.strip() == "none" else int(limit)


def _network_of(text: str) -> IPv4Network | IPv6Network:
    network = ip_network(text)
    # How a host that listens for both kinds sees addresses of IPv4.
    mapped = getattr(network.network_address, "ipv4_mapped", None)
    if mapped is None or network.prefixlen < _MAPPED_BITS:
        return network
    return ip_network((mapped, network.prefixlen - _MAPPED_BITS))


@contextmanager
def _told_as(sentence: str) -> Iterator[None]:
    try:
        yield
    except (ValueError, OSError, PolicyInvalid):
        raise ValueError(sentence) from None


def setting_problems(error: ValidationError) -> list[tuple[str, str]]:
    """Return the variables that cannot be used, each with what is wrong; never their values."""
    problems: dict[str, str] = {}
    for issue in error.errors(include_url=False, include_input=False):
        if issue["type"] == "default_factory_not_called":
            # Nothing is wrong with it but what is wrong with another.
            continue
        name = f"IMPASTO_{issue['loc'][0]}".upper()
        problems.setdefault(name, issue["msg"].removeprefix("Value error, "))
    return list(problems.items())
