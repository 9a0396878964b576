"""The seam of the checks over pixels."""

from typing import Protocol

from PIL import Image

from safety.verdict import Finding


class ImageCheck(Protocol):
    """Judges the pixels of a picture."""

    @property
    def name(self) -> str:
        """A short stable name, used in findings."""

    def check(self, pixels: Image.Image) -> list[Finding]:
        """Return what was found, harmless scores included.

        Raising anything, a score that is no number from 0 to 1, and taking too long block.
        """
