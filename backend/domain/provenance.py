"""Where a picture is from, and what of our marks it still has."""

from dataclasses import dataclass
from enum import StrEnum

from backend.domain.registered import RegisteredPicture
from backend.domain.requests import JobId


class Origin(StrEnum):
    """Who made a picture, as far as its marks tell.

    `ours` was made here; `other` carries somebody else's intact manifest; of `unknown` nothing is
    told, which is no proof of anything.
    """

    OURS = "ours"
    OTHER = "other"
    UNKNOWN = "unknown"


class Trace(StrEnum):
    """By what a picture of ours is known again, the surest first."""

    FILE = "file"  # byte for byte one that was delivered
    C2PA = "c2pa"  # a manifest of ours, and not a byte was changed since
    WATERMARK = "watermark"
    SIGNATURE = "signature"  # a decoder of ours drew it
    FINGERPRINT = "fingerprint"  # it looks like one that was delivered


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """What a file's C2PA manifest says; `state` is trusted, untrusted, invalid or absent.

    Only a trusted one is ours, and what another says of itself is only told. `registry_ids` are
    those of our watermark that it names, `decoder` is the number of one laid over the model's own;
    `stamped_at` is when an authority of time saw it, whoever that is; `problems` are codes of what
    does not fit.
    """

    state: str
    issuer: str = ""
    generator: str = ""
    source_type: str = ""
    family: str = ""
    model: str = ""
    decoder: str = ""
    made_at: str = ""
    stamped_at: str = ""
    registry_ids: tuple[int, ...] = ()
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Mark:
    """What a look for a mark of ours saw; `p_value` is the chance of it in a picture without."""

    is_present: bool
    payload: int | None
    p_value: float
    bits_matched: int
    bits: int


@dataclass(frozen=True, kw_only=True)
class Examination:
    """All that can be read from a file alone.

    `fingerprints` are of the picture turned and mirrored all eight ways, itself first, as 64
    hexadecimal digits each. `signature` is None where no decoder of ours signs.
    """

    sha256: str
    manifest: Manifest
    mark: Mark
    fingerprints: tuple[str, ...]
    fingerprint_quality: int
    signature: Mark | None = None


@dataclass(frozen=True, kw_only=True)
class Likeness:
    """The delivered picture that one looks like, and how many of 256 bits differ."""

    picture: RegisteredPicture
    distance: int


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """Where a picture is from: what is known of it, and which traces have survived."""

    origin: Origin
    traces: tuple[Trace, ...]
    manifest: Manifest
    mark: Mark
    likeness: Likeness | None
    picture: RegisteredPicture | None
    signature: Mark | None = None

    @property
    def job_id(self) -> JobId | None:
        """The job whose picture it is, if one is known."""
        return None if self.picture is None else self.picture.job_id
