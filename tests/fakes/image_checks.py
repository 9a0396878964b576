"""Picture checks for tests, which look at one picture at a time."""

from collections.abc import Sequence

from PIL import Image

from safety.verdict import Finding, Outcome


class EachByItself:
    """A check that is a `look` at each picture."""

    def check(self, pictures: Sequence[Image.Image]) -> list[list[Finding]]:
        return [self.look(pixels) for pixels in pictures]

    def look(self, pixels: Image.Image) -> list[Finding]:
        raise NotImplementedError


class SureOf(EachByItself):
    """A network that gives every picture one score."""

    name = "nsfw"

    def __init__(self, score: float) -> None:
        self.score = score

    def look(self, pixels: Image.Image) -> list[Finding]:
        return [Finding(check=self.name, outcome=Outcome.ALLOW, score=self.score)]
