"""A part of a picture in words: `top left`, `right half`, `middle, bottom`; pure.

A picture is thought of as three by three cells.
"""

import re
from typing import Final

from backend.domain.errors import PictureOperationInvalid
from backend.domain.requests import Box

_THIRD: Final = 1 / 3
_SPAN = tuple[float, float]
_ALL: Final[_SPAN] = (0.0, 1.0)
_MIDDLE: Final[_SPAN] = (_THIRD, 2 * _THIRD)
_DOWN: Final[dict[str, _SPAN]] = {"top": (0.0, _THIRD), "bottom": (2 * _THIRD, 1.0)}
_ACROSS: Final[dict[str, _SPAN]] = {"left": (0.0, _THIRD), "right": (2 * _THIRD, 1.0)}
_HALVES: Final[dict[str, _SPAN]] = {
    "top": (0.0, 0.5),
    "bottom": (0.5, 1.0),
    "left": (0.0, 0.5),
    "right": (0.5, 1.0),
}
_SAME: Final = {
    "upper": "top",
    "up": "top",
    "lower": "bottom",
    "down": "bottom",
    "center": "middle",
    "centre": "middle",
}
_FILLERS: Final = frozenset({"the", "of", "corner", "side", "part", "third", "in", "on", "at"})
_BETWEEN: Final = re.compile(r"[,;+&/]|\band\b")
_WORDS: Final = re.compile(r"[a-z]+")


def boxes_of(text: str) -> tuple[Box, ...]:
    """Return the parts of a picture that a text names.

    Raises:
        PictureOperationInvalid: it names none.

    """
    parts = [part for part in _BETWEEN.split(text.lower()) if part.strip()]
    if not parts:
        raise _unknown(text)
    return tuple(_box_of(part, text) for part in parts)


def _box_of(part: str, text: str) -> Box:
    words = [_SAME.get(word, word) for word in _WORDS.findall(part)]
    known = {word for word in words if word not in _FILLERS}
    if not known or known - {*_DOWN, *_ACROSS, "middle", "half"}:
        raise _unknown(text)
    if "half" in known:
        return _half_of(known - {"half"}, text)
    down = [_DOWN[word] for word in known if word in _DOWN]
    across = [_ACROSS[word] for word in known if word in _ACROSS]
    if len(down) > 1 or len(across) > 1:
        raise _unknown(text)
    # In a direction that nothing is said of, all of it is meant; but the middle is one cell.
    rest = _MIDDLE if "middle" in known else _ALL
    top, bottom = down[0] if down else rest
    left, right = across[0] if across else rest
    return Box(left=left, top=top, right=right, bottom=bottom)


def _half_of(sides: set[str], text: str) -> Box:
    if len(sides) != 1 or not sides <= _HALVES.keys():
        raise _unknown(text)
    (side,) = sides
    begin, end = _HALVES[side]
    if side in _DOWN:
        return Box(left=0.0, top=begin, right=1.0, bottom=end)
    return Box(left=begin, top=0.0, right=end, bottom=1.0)


def _unknown(text: str) -> PictureOperationInvalid:
    return PictureOperationInvalid(
        f"“{text.strip()[:60]}” names no part of the picture.",
        way_out="Write for example: top left, or: middle, or: right half, bottom.",
    )
