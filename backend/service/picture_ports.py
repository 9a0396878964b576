"""What telling a picture's origin needs from outside, as Protocols."""

from typing import Protocol

from backend.domain.provenance import Examination
from backend.domain.registered import RegisteredPicture


class PictureStore(Protocol):
    """The registry of delivered pictures, to be read; `JobStore` writes it."""

    async def by_registry_id(self, registry_id: int) -> list[RegisteredPicture]:
        """Return the pictures whose watermark says this: one, or by rare chance several."""

    async def by_digest(self, sha256: str) -> RegisteredPicture | None:
        """Return the picture of which this is a file, byte for byte, or None."""

    async def delivered_after(self, sequence: int, limit: int) -> list[RegisteredPicture]:
        """Return pictures that were delivered after one, in order of delivery."""


class Examiner(Protocol):
    """Reads from a file what it tells of where it is from."""

    async def examine(self, data: bytes) -> Examination:
        """Look for a manifest, for our watermark, and take fingerprints.

        Raises:
            PictureInvalid: it is no picture, or damaged.
            PictureTooLarge: it has too many pixels.

        """


class RateLimiter(Protocol):
    """Counts how often each client asks."""

    def take(self, client: str) -> int:
        """Count one question; return in how many seconds the next may come, 0 if this may."""
