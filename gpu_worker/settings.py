"""Settings of a GPU worker, read from IMPASTO_ variables and handed down as values."""

from pathlib import Path
from typing import Annotated, Literal, assert_never

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from backend.contracts import ModelFamily
from gpu_worker.compose.model_files import is_hub_id
from storage.object_stores import LocalStoreSettings, ObjectStoreSettings, S3StoreSettings
from storage.signing import load_or_create_signing_keys

_STARTER = Path(__file__).parent / "starter/models"


class Settings(BaseSettings):
    """Which model to draw with, on what, and where pictures and messages go."""

    model_config = SettingsConfigDict(
        env_prefix="IMPASTO_", env_ignore_empty=True, extra="ignore", frozen=True
    )

    home: Path = Field(default_factory=lambda: Path.home() / ".impasto")
    redis_url: str | None = None
    s3_bucket: str | None = None
    s3_endpoint_url: str | None = None
    s3_ensure_bucket: bool = False
    s3_region: str = "us-east-1"
    s3_access_key_id: str | None = None
    s3_secret_access_key: SecretStr | None = None
    storage_warm_folder: Path | None = None
    storage_cold_folder: Path | None = None
    public_url: str = "http://127.0.0.1:8080"
    model_sdxl: str | None = None
    model_sd3: str | None = None
    model_flux: str | None = None
    # Where a model's upscaler is looked for, as `x4.safetensors`.
    upscalers: Path = _STARTER / "upscaler"
    # LoRAs, as `NAME.safetensors` or in a folder `NAME` or `lora-NAME`.
    loras: Path = _STARTER
    lora_cache_bytes: Annotated[int, Field(ge=0)] = 4 * 1024**3
    # Read when the worker starts, and never let go of.
    loras_hot: Annotated[tuple[str, ...], NoDecode] = ()
    # ControlNets, each in a folder `NAME` or `controlnet-NAME`.
    controlnets: Path = _STARTER
    controlnets_hot: Annotated[tuple[str, ...], NoDecode] = ()
    device: Literal["auto", "cpu", "cuda"] = "auto"
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    # How many bits the network's weights are held in: bitsandbytes' nf4 or int8, torchao's fp8.
    quantise: Literal["none", "nf4", "int8", "fp8"] = "none"
    # Whether the network's repeated blocks are compiled, which `auto` does on CUDA.
    compile: Literal["auto", "none", "regional"] = "auto"
    threads: Annotated[int, Field(ge=1)] | None = None
    # Where a worker answers about its health; without a port it does not, 0 takes any.
    health_host: str = "127.0.0.1"
    health_port: Annotated[int, Field(ge=0, le=65535)] | None = None
    engine: Literal["diffusers", "sleeping"] = "diffusers"
    sleep_step_s: Annotated[float, Field(ge=0)] = 0.1
    sleep_steps: Annotated[int, Field(ge=1)] = 10
    sleep_decode_s: Annotated[float, Field(ge=0)] = 0.0
    sleep_adapter_s: Annotated[float, Field(ge=0)] = 0.0
    sleep_hang_seed: int | None = None
    drawn_at_once: Annotated[int, Field(ge=1, le=16)] = 1
    hung_after_s: Annotated[float, Field(gt=0)] = 12.0
    warm_up_s: Annotated[float, Field(gt=0)] = 1800.0
    report_retry_s: Annotated[float, Field(ge=0)] = 300.0
    store_retry_s: Annotated[float, Field(ge=0)] = 600.0
    # 0: pictures on their way are shown to nobody.
    preview_share: Annotated[float, Field(ge=0, le=1)] = 0.2
    preview_every_s: Annotated[float, Field(ge=0)] = 2.0
    preview_check_timeout_s: Annotated[float, Field(gt=0)] = 5.0
    preview_blur_score: Annotated[float, Field(ge=0, le=1)] = 0.2
    # Where a model's preview decoder is looked for, by the name that the model gives.
    previewers: Path = Path(__file__).parent / "starter/models"
    # What pictures are marked and signed with; all hosts of an installation share it.
    provenance: Path | None = None
    # A chain and key brought from elsewhere, in place of our own.
    c2pa_chain: Path | None = None
    c2pa_key: Path | None = None
    # Where manifests are stamped with the time (RFC 3161); "": nowhere.
    c2pa_time_stamps: Annotated[str, Field(pattern=r"^(https?://\S+)?$")] = ""
    # A taught decoder and its extractor: what its family's worker draws carries its number.
    signature: Path | None = None
    image_check_timeout_s: Annotated[float, Field(gt=0)] = 30.0
    # Image classifiers for transformers, by folder or hub id, and which of their labels count.
    nsfw_second: str = ""
    nsfw_second_labels: str = ""
    age_estimator: str = ""
    age_estimator_labels: str = ""
    # The document that names lists of known pictures.
    hash_lists: Path | None = None
    # What becomes of pictures held for child safety, and for whom they are sealed (base64).
    quarantine: Literal["seal", "drop"] = "seal"
    quarantine_public_key: str = ""

    @field_validator("loras_hot", "controlnets_hot", mode="before")
    @classmethod
    def _split_names(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(word.strip() for word in value.split(",") if word.strip())
        return value

    @property
    def provenance_folder(self) -> Path:
        """Where the keys lie that pictures are marked and signed with."""
        return self.provenance or self.home / "provenance"

    def model_source(self, family: ModelFamily) -> str | None:
        """Return the family's model folder or hub id; an empty setting is none."""
        match family:
            case ModelFamily.SDXL:
                source = self.model_sdxl
            case ModelFamily.SD3:
                source = self.model_sd3
            case ModelFamily.FLUX:
                source = self.model_flux
            case _:
                assert_never(family)
        return source or None

    def needs_hub(self, family: ModelFamily) -> bool:
        """Tell whether the family's model, or one that checks, is to be fetched from the hub."""
        sources = (self.model_source(family), self.nsfw_second, self.age_estimator)
        return any(is_hub_id(source) for source in sources if source)

    def object_store(self) -> ObjectStoreSettings:
        """Return where pictures are kept: S3 where a bucket is named, else a folder under home."""
        if self.s3_bucket is None:
            return LocalStoreSettings(
                root=self.home / "objects",
                warm_root=self.storage_warm_folder or self.home / "objects-warm",
                cold_root=self.storage_cold_folder or self.home / "objects-cold",
                public_url=self.public_url,
                signing_keys=load_or_create_signing_keys(self.home / "signing.json"),
            )
        secret = self.s3_secret_access_key
        return S3StoreSettings(
            bucket=self.s3_bucket,
            endpoint_url=self.s3_endpoint_url,
            ensure_bucket=self.s3_ensure_bucket,
            region=self.s3_region,
            access_key_id=self.s3_access_key_id,
            secret_access_key=secret.get_secret_value() if secret else None,
        )
