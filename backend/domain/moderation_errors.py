"""What is refused for what was decided of an account, a review or a picture; see `errors`."""

from datetime import datetime

from backend.domain.input_errors import ImpastoError


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
