"""The grammar of button ids: `imp:1:<action>:<job_id>:<index>` and `imp:1:<decision>:<review_id>`.

All state of a button is in its id, so that it works after any restart. `1` is the version.
"""

CUSTOM_ID_CHARACTERS = 100
_PREFIX = "imp:1"
_ID = r"[A-Za-z0-9_-]{1,64}"


def job_custom_id(action: str, job_id: str, index: int = 0) -> str:
    """Return the id of a button on a job's message."""
    return _within_limit(f"{_PREFIX}:{action}:{job_id}:{index}")


def review_custom_id(decision: str, review_id: str) -> str:
    """Return the id of a button on a review card."""
    return _within_limit(f"{_PREFIX}:{decision}:{review_id}")


def job_pattern(action: str) -> str:
    """Return the pattern of job buttons with this action, with groups `job_id` and `index`."""
    return rf"{_PREFIX}:{action}:(?P<job_id>{_ID}):(?P<index>\d{{1,2}})"


def review_pattern(decision: str) -> str:
    """Return the pattern of review buttons with this decision, with the group `review_id`."""
    return rf"{_PREFIX}:{decision}:(?P<review_id>{_ID})"


def _within_limit(custom_id: str) -> str:
    if len(custom_id) > CUSTOM_ID_CHARACTERS:
        raise ValueError(f"custom_id of {len(custom_id)} characters")
    return custom_id
