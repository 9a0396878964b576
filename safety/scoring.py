"""A check that is one number for each picture; what a number comes to, policy and weighing say."""

from collections.abc import Callable, Sequence
from itertools import islice
from typing import Final

from PIL import Image

from safety.errors import CheckFailed
from safety.verdict import Finding, Outcome

Score = Callable[[Sequence[Image.Image]], Sequence[float]]

# A network squeezes whatever it gets into a square, or looks at its middle; a longer picture is
# therefore also looked at in squares from both its ends.
_LONGEST_SQUARE_RATIO: Final = 1.5


class ScoredImageCheck:
    """Tells what a network says of pictures: a probability each, the highest of several looks."""

    def __init__(self, *, name: str, score: Score) -> None:
        self._name = name
        self._score = score

    @property
    def name(self) -> str:
        return self._name

    def check(self, pictures: Sequence[Image.Image]) -> list[list[Finding]]:
        looks = [_views(pixels.convert("RGB")) for pixels in pictures]
        scores = [float(score) for score in self._score([one for look in looks for one in look])]
        # Written so that a score that is not a number fails as well.
        if not all(0 <= score <= 1 for score in scores):
            raise CheckFailed("the classifier's score is not from 0 to 1")
        if len(scores) != sum(map(len, looks)):
            raise CheckFailed("the classifier has not scored every picture once")
        remaining = iter(scores)
        return [[self._finding(max(islice(remaining, len(look))))] for look in looks]

    def _finding(self, score: float) -> Finding:
        rule = f"{self._name}.score"
        return Finding(check=self._name, outcome=Outcome.ALLOW, rule=rule, score=round(score, 4))


def _views(pixels: Image.Image) -> list[Image.Image]:
    width, height = pixels.size
    side = min(width, height)
    if max(width, height) <= _LONGEST_SQUARE_RATIO * side:
        return [pixels]
    ends = (0, 0, side, side), (width - side, height - side, width, height)
    return [pixels, *(pixels.crop(end) for end in ends)]
