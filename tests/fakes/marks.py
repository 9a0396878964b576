"""Marking and signing for tests: real manifests, signed by a chain that is made once.

The watermark leaves pixels as they are and remembers which pictures it has seen: what a real one
does to pixels, and how well it is found again, is the business of its own tests.
"""

import hashlib
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from PIL import Image

from backend.contracts import ModelFamily
from gpu_worker.release.marking import Marker
from gpu_worker.release.papers import Papers
from safety.provenance.c2pa import Facts, Signer, SoftBinding
from safety.provenance.certificates import Credentials, make_own
from safety.provenance.time_stamps import TimeStampAuthority
from safety.provenance.watermark import WatermarkReading
from storage.formats import encode_png


class RememberedMark:
    """A watermark that knows the pictures it has marked by their pixels."""

    name = "remembered"

    def __init__(self) -> None:
        self.seen: dict[bytes, int] = {}

    def embed(self, pixels: Image.Image, payload: int) -> Image.Image:
        self.seen[_digest(pixels)] = payload
        return pixels

    def read(self, pixels: Image.Image) -> WatermarkReading:
        payload = self.seen.get(_digest(pixels))
        if payload is None:
            return WatermarkReading(
                is_present=False, payload=None, p_value=0.5, bits_matched=24, bits=48
            )
        return WatermarkReading(
            is_present=True, payload=payload, p_value=1e-14, bits_matched=48, bits=48
        )


class FailingMark(RememberedMark):
    """A watermark that cannot be embedded."""

    def __init__(self, error: Exception | None = None) -> None:
        super().__init__()
        self._error = error or RuntimeError("no room in these pixels")

    def embed(self, pixels: Image.Image, payload: int) -> Image.Image:
        raise self._error


class FailingSigner(Signer):
    """A signer that breaks as no signer is known to."""

    def __init__(self, error: Exception) -> None:
        super().__init__(credentials=some_credentials, clock=lambda: datetime.now(UTC))
        self._error = error

    def sign(self, data: bytes, media_type: str, facts: Facts, *, is_stamped: bool = True) -> bytes:
        raise self._error


@cache
def some_credentials() -> Credentials:
    """Return a chain of our own, good for ten years from now."""
    with TemporaryDirectory() as folder:
        return make_own(Path(folder) / "c2pa", now=datetime.now(UTC)).current()


def a_signer(
    *,
    credentials: Callable[[], Credentials] = some_credentials,
    after: timedelta = timedelta(0),
    authority: TimeStampAuthority | None = None,
) -> Signer:
    """Return a signer whose clock is so much ahead."""
    return Signer(
        credentials=credentials, clock=lambda: datetime.now(UTC) + after, authority=authority
    )


def a_marker(*, watermark: RememberedMark | None = None, signer: Signer | None = None) -> Marker:
    """Return what marks and signs."""
    return Marker(
        watermark=watermark or RememberedMark(),
        signer=signer or a_signer(),
        version="0.1.0",
        clock=lambda: datetime.now(UTC),
    )


SIGNED_FACTS = Facts(
    version="0.1.0",
    family="sdxl",
    model="starter",
    model_sha256="5e" * 32,
    made_at=datetime(2026, 1, 1, tzinfo=UTC),
    soft_bindings=(SoftBinding(algorithm=RememberedMark.name, registry_id=7),),
)


def signed_png(pixels: Image.Image, *, registry_id: int = 7, signer: Signer | None = None) -> bytes:
    """Return a picture as it leaves: a PNG with a manifest that names its watermark."""
    binding = SoftBinding(algorithm=RememberedMark.name, registry_id=registry_id)
    facts = replace(SIGNED_FACTS, soft_bindings=(binding,))
    return (signer or a_signer()).sign(encode_png(pixels), "image/png", facts)


def some_papers(count: int = 1, **fields: object) -> Papers:
    """Return the papers of so many pictures."""
    values = {"registry_ids": tuple(range(1, count + 1)), "family": ModelFamily.SDXL, **fields}
    return Papers(**values)  # type: ignore[arg-type]  # whatever a test gives


def _digest(pixels: Image.Image) -> bytes:
    return hashlib.sha256(pixels.convert("RGB").tobytes()).digest()
