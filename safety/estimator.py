"""The seam of the estimators: which group a portrait seems to show.

Only the bias audit asks, and only of portraits it had drawn itself. A member's picture is never
shown to an estimator: sorting people by such groups is not what this house is for.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

from PIL import Image

# What an estimate says that is of no group: nobody there, or it cannot tell.
UNKNOWN: Final = ""


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """The likeliest group of one portrait and how likely it is, from 0 to 1."""

    group: str
    confidence: float


class Estimator(Protocol):
    """Sorts portraits along one axis, for example perceived gender or skin tone."""

    @property
    def axis(self) -> str:
        """The axis, as reports call it."""

    @property
    def name(self) -> str:
        """Which estimator it is, as reports call it: what one says, another may not."""

    @property
    def groups(self) -> tuple[str, ...]:
        """The groups it tells apart, at least two, in a fixed order."""

    def estimate(self, portraits: Sequence[Image.Image]) -> list[Estimate]:
        """Return one estimate for each portrait, in order.

        Raises:
            CheckFailed: it cannot.

        """
