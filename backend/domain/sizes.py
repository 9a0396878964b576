"""How many pixels a ratio gets: the model's native area, in sides the network can halve; pure."""

import math


def fit_ratio(
    *,
    aspect_width: int,
    aspect_height: int,
    native_side: int,
    side_multiple: int,
    longest_side: int,
) -> tuple[int, int]:
    """Return width and height of about `native_side` squared pixels, nearest to the ratio.

    Smaller, where the longer side would not fit.
    """
    # No narrower than one multiple: beyond that the other side would grow without bound.
    extreme = (native_side / side_multiple) ** 2
    ratio = min(max(aspect_width / aspect_height, 1 / extreme), extreme)
    width, height = native_side * math.sqrt(ratio), native_side / math.sqrt(ratio)
    shrink = min(1.0, longest_side / max(width, height))
    return snap_to(width * shrink, side_multiple), snap_to(height * shrink, side_multiple)


def snap_to(side: float, multiple: int) -> int:
    """Return the nearest multiple, one at least."""
    return max(multiple, round(side / multiple) * multiple)
