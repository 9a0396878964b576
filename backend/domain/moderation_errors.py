"""What is refused for what was decided of an account, a review or a picture; see `errors`."""

from datetime import datetime

from backend.domain.input_errors import ImpastoError

__all__ = [
    "AccountBanned",
    "AccountFrozen",
    "AccountMuted",
    "AccountSuspended",
    "AppealImpossible",
    "AppealRepeated",
    "DecisionImpossible",
    "ModerationRefused",
    "OwnCase",
    "RemovalRequestEmpty",
    "RemovalRequestNotFound",
    "ReportRepeated",
    "SafetyReportNotFound",
    "TooManyReports",
    "TooManyRequests",
]


class AccountSuspended(ImpastoError):
    """The account may not ask for pictures."""

    code = "account_suspended"


class AccountMuted(AccountSuspended):
    """The account may not ask for pictures until some moment."""

    code = "account_muted"

    def __init__(self, *, reason: str, until: datetime | None) -> None:
        end = f"until {until:%Y-%m-%d %H:%M} UTC" if until else "for now"
        super().__init__(
            f"This account may not ask for pictures {end} ({reason}).",
            way_out="/standing tells why; whoever thinks it wrong asks a moderator to lift it.",
        )


class AccountBanned(AccountSuspended):
    """The account may not ask for pictures until a moderator lifts it."""

    code = "account_banned"

    def __init__(self, *, reason: str) -> None:
        super().__init__(
            f"This account may not ask for pictures until that is lifted ({reason}).",
            way_out="/standing tells why; whoever thinks it wrong asks a moderator to lift it.",
        )


class AccountFrozen(AccountSuspended):
    """The account is frozen; nobody is told why."""

    code = "account_frozen"

    def __init__(self) -> None:
        super().__init__(
            "This account is suspended.", way_out="Write to whoever runs this workshop."
        )


class ModerationRefused(ImpastoError):
    """Something about reviews, appeals or reports that cannot be done (again)."""

    code = "moderation_refused"


class AppealImpossible(ModerationRefused):
    """Nothing is held that could be appealed against."""

    code = "appeal_impossible"

    def __init__(self) -> None:
        super().__init__(
            "There is nothing here to appeal against.", way_out="Rephrase it, and ask again."
        )


class AppealRepeated(ModerationRefused):
    """There is one appeal for each time something is held."""

    code = "appeal_repeated"

    def __init__(self, *, due_at: datetime | None) -> None:
        super().__init__(
            "You have appealed already."
            if due_at is None
            else f"You have appealed already; it is answered by {due_at:%Y-%m-%d %H:%M} UTC.",
            way_out="Ask for something else meanwhile.",
        )


class ReportRepeated(ModerationRefused):
    """A member reports a picture once."""

    code = "report_repeated"

    def __init__(self) -> None:
        super().__init__(
            "You have reported this picture already.", way_out="A moderator looks at it."
        )


class TooManyReports(ModerationRefused):
    """A member has reported as many pictures lately as may be."""

    code = "too_many_reports"

    def __init__(self, *, limit: int) -> None:
        super().__init__(
            f"You have reported {limit} pictures within the hour, the most there may be.",
            way_out="Write to a moderator, or try again in an hour.",
        )


class DecisionImpossible(ModerationRefused):
    """A decision that does not fit what is to be decided."""

    code = "decision_impossible"

    def __init__(self) -> None:
        super().__init__(
            "That cannot be decided of this.", way_out="Look at the card for what can."
        )


class OwnCase(ModerationRefused):
    """Who would decide is who it concerns, and this deployment wants somebody else for that."""

    code = "own_case"

    def __init__(self) -> None:
        super().__init__(
            "This is about yourself, so somebody else decides.",
            way_out="Ask another moderator; where there is none, whoever runs this workshop "
            "sets IMPASTO_MODERATORS_DECIDE_OWN=yes.",
        )


class RemovalRequestEmpty(ModerationRefused):
    """A request for removal that names no picture."""

    code = "removal_request_empty"

    def __init__(self) -> None:
        super().__init__(
            "This names no picture.",
            way_out="Attach the picture, or give the link that leads to it here or in Discord.",
        )


class RemovalRequestNotFound(ModerationRefused):
    """No request for removal has this secret."""

    code = "removal_request_not_found"

    def __init__(self) -> None:
        super().__init__("There is no such request.", way_out="Use the whole link you were given.")


class SafetyReportNotFound(ModerationRefused):
    """No child safety finding has this id."""

    code = "safety_report_not_found"

    def __init__(self) -> None:
        super().__init__("There is no such report.", way_out="See impasto reports list.")


class TooManyRequests(ModerationRefused):
    """More requests for removal from one address than may be."""

    code = "too_many_requests"

    def __init__(self, *, retry_after_s: int) -> None:
        super().__init__(
            "Too many requests came from your address.",
            way_out=f"Try again in {retry_after_s} s, or write to whoever runs this workshop.",
        )
