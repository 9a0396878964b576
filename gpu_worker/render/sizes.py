"""How many pixels a ratio gets: the model's native area, in sides the network can halve; pure."""

import math


def fit_ratio(
    *, aspect_width: int, aspect_height: int, native_side: int, side_multiple: int
) -> tuple[int, int]:
    """Return width and height of about `native_side` squared pixels, nearest to the ratio."""
    ratio = aspect_width / aspect_height

    def snap(side: float) -> int:
        return max(side_multiple, round(side / side_multiple) * side_multiple)

    width = snap(native_side * math.sqrt(ratio))
    height = snap(native_side / math.sqrt(ratio))
    return width, height
