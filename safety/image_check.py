"""The seam of the checks over pixels."""

from collections.abc import Sequence
from typing import Protocol

from PIL import Image

from safety.verdict import Finding


class ImageCheck(Protocol):
    """Judges the pixels of pictures, all of a job at once."""

    @property
    def name(self) -> str:
        """A short stable name, used in findings."""

    def check(self, pictures: Sequence[Image.Image]) -> Sequence[Sequence[Finding]]:
        """Return what was found in each picture, in their order, harmless scores included.

        Raising anything, an answer for more or fewer pictures, a score that is no number from 0 to
        1, and taking too long hold them all. May be called from several threads at once.
        """
