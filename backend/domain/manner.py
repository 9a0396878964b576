"""How pictures are drawn, beside what is on them, and how many steps that takes."""

from dataclasses import dataclass
from typing import Final

# More steps than these are not planned, whatever the quality.
PLANNED_MAX: Final = 500


@dataclass(frozen=True, kw_only=True)
class Manner:
    """How pictures are drawn; by default as the model usually does.

    `quality` multiplies the steps, half of which a draft takes; `stop` ends after so many
    hundredths of them. `chaos` (0 to 100) sets the pictures of a job apart, `weird` (0 to 3000)
    all of them from what the words usually mean. `stylize` (0 to 1000) and `style` are the
    workshop's own style and one of its presets. With the same seed all begin with one noise.
    Verbatim words are drawn as they were typed, in whatever language.
    """

    quality: float = 1.0
    stop: int = 100
    chaos: int = 0
    weird: int = 0
    stylize: int | None = None
    style: str = ""
    is_draft: bool = False
    is_raw: bool = False
    is_same_seed: bool = False
    is_verbatim: bool = False

    @property
    def effort(self) -> float:
        """How many times the usual steps are planned."""
        return self.quality / 2 if self.is_draft else self.quality

    def steps_taken(self, usual: int) -> int:
        """Return how many steps are taken where `usual` ones would be."""
        return taken_steps(planned_steps(usual, self.effort), self.stop)


def planned_steps(usual: int, effort: float) -> int:
    """Return how many steps a schedule has where it usually has `usual`."""
    return min(PLANNED_MAX, max(1, round(usual * effort)))


def taken_steps(planned: int, stop: int) -> int:
    """Return how many of the planned steps are taken up to `stop` hundredths, at least one."""
    return max(1, planned * stop // 100)
