"""How many pixels a ratio gets: the model's native area, in sides the network can halve; pure."""

import math


def fit_ratio(
    *, aspect_width: int, aspect_height: int, native_side: int, side_multiple: int
) -> tuple[int, int]:
    """Return width and height of about `native_side` squared pixels, nearest to the ratio."""
    # No narrower than one multiple: beyond that the other side would grow without bound.
    extreme = (native_side / side_multiple) ** 2
    ratio = min(max(aspect_width / aspect_height, 1 / extreme), extreme)

    def snap(side: float) -> int:
        return max(side_multiple, round(side / side_multiple) * side_multiple)

    width = snap(native_side * math.sqrt(ratio))
    height = snap(native_side / math.sqrt(ratio))
    return width, height
