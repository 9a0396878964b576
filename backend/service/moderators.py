"""Who may decide about others."""

from backend.domain.errors import ModeratorsOnly
from backend.domain.requests import Requester


def must_moderate(requester: Requester) -> None:
    """Refuse anyone but moderators.

    Raises:
        ModeratorsOnly: the requester is none.

    """
    if not requester.is_moderator:
        raise ModeratorsOnly
