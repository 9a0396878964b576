"""The seam of the lists of known pictures. Lists hold hashes, never pictures; none ships yet."""

from typing import Protocol

from PIL import Image


class HashList(Protocol):
    """Knows pictures by their perceptual hash."""

    @property
    def name(self) -> str:
        """A short stable name, used in findings."""

    def distance(self, pixels: Image.Image) -> int | None:
        """Return how many bits a picture is from the nearest listed one; None if none is."""
