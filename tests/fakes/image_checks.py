"""Picture checks for tests, which look at one picture at a time."""

from collections.abc import Sequence

from PIL import Image

from safety.verdict import Finding


class EachByItself:
    """A check that is a `look` at each picture."""

    def check(self, pictures: Sequence[Image.Image]) -> list[list[Finding]]:
        return [self.look(pixels) for pixels in pictures]

    def look(self, pixels: Image.Image) -> list[Finding]:
        raise NotImplementedError
