"""What somebody can do whose prompt is held back, by what it was held back for.

Nothing is said of how a rule could be passed by; of child safety, nothing can be done.
"""

from typing import Final

CHILD_SAFETY: Final = "child_safety"
CHECK_FAILED: Final = "check_failed"
_ASK: Final = "a moderator will look at it"
_NOBODY: Final = "This is not drawn here, and nobody can release it."
# Of a job whose pictures, or words, no check could judge.
NOT_CHECKED: Final = (
    "A safety check did not work, so nothing is shown; your prompt is not at fault. "
    "Try again in a few minutes, or appeal: a moderator can have it drawn again."
)
_CHANGES: Final = {
    "sexual": "Leave out nudity and sex",
    "violence_gore": "Leave out wounds, killing and cruelty",
    "hate": "Leave out what degrades a group of people",
    "harassment": "Leave out what degrades a person",
    "illegal": "Leave out the crime, or show it as news or history would",
    "self_harm": "Leave out self-harm; if this is about you, please talk to somebody you trust",
    "deception": "Leave out what would pass for genuine",
    "public_figure": "Leave out the real person, or describe somebody invented",
    "living_artist": "Describe the style in words instead of naming a living artist",
    "brand": "Leave out the brand",
    "too_long": "Shorten it",
}


def picture_way_out(category: str) -> str:
    """Return what somebody can do whose own picture is not taken in, in one sentence."""
    if category == CHECK_FAILED:
        return "A check did not work; send it again in a few minutes."
    return "Use another one."


def way_out(category: str, *, is_final: bool = False) -> str:
    """Return one sentence; `is_final` if no moderator is asked unless somebody appeals."""
    if category == CHILD_SAFETY:
        return _NOBODY
    if category == CHECK_FAILED:
        return "A check did not work; try again in a few minutes."
    change = _CHANGES.get(category, "Rephrase it")
    return f"{change}, or ask a moderator." if is_final else f"{change}, or wait: {_ASK}."
