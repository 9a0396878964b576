"""How large a canvas becomes that grows, in sides the network can halve; pure."""

import math
from dataclasses import dataclass

from backend.contracts import OutpaintUse, snap_to

# A canvas of fewer squares of the model's native side is enlarged, one of more is made smaller.
_FEWEST_SQUARES, _MOST_SQUARES = 0.75, 2.0


@dataclass(frozen=True, kw_only=True)
class Growth:
    """A canvas, and where on it the picture lies that it grew around."""

    width: int
    height: int
    left: int
    top: int
    right: int
    bottom: int

    def times(self, scale: int) -> "Growth":
        """Return the same, a whole number of times as large."""
        return Growth(**{name: value * scale for name, value in vars(self).items()})


def grow(
    width: float,
    height: float,
    outpaint: OutpaintUse,
    *,
    native_side: int,
    side_multiple: int,
    longest_side: int,
) -> Growth:
    """Return the canvas that a picture's grows to, in what the model draws well."""
    wide = width * (1 + outpaint.left + outpaint.right)
    high = height * (1 + outpaint.top + outpaint.bottom)
    square = native_side**2
    scale = 1.0
    if wide * high < _FEWEST_SQUARES * square:
        scale = math.sqrt(square / (wide * high))
    elif wide * high > _MOST_SQUARES * square:
        scale = math.sqrt(_MOST_SQUARES * square / (wide * high))
    scale = min(scale, longest_side / max(wide, high))
    across = _lay(width * scale, outpaint.left, outpaint.right, outpaint.zoom, side_multiple)
    down = _lay(height * scale, outpaint.top, outpaint.bottom, outpaint.zoom, side_multiple)
    return Growth(
        width=across[0],
        left=across[1],
        right=across[2],
        height=down[0],
        top=down[1],
        bottom=down[2],
    )


def _lay(
    side: float, before: float, after: float, zoom: float, multiple: int
) -> tuple[int, int, int]:
    """Return one side of a canvas, and where the picture begins and ends on it."""
    whole = snap_to(side * (1 + before + after), multiple)
    length = min(round(side / zoom), whole)
    room = whole - length
    centred = (side - side / zoom) / 2
    ahead, behind = side * before + centred, side * after + centred
    # What rounding adds is shared out; a side that gets nothing gets none of it.
    begin = round(room * ahead / (ahead + behind)) if ahead + behind else room // 2
    return whole, begin, begin + length
