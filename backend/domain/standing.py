"""An account's standing: strikes that expire, and what keeps it from asking for pictures.

Pure: time is passed in, a change returns a new standing.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from backend.domain.errors import AccountBanned, AccountFrozen, AccountMuted
from backend.domain.requests import AccountId, JobId

# Who acts where nobody in particular does: thresholds and the child safety workflow.
HOUSE = AccountId("house")
_FOR_GOOD = timedelta(days=36500)


class SanctionKind(StrEnum):
    """What an account may be under, the gravest last."""

    MUTE = "mute"
    BAN = "ban"
    FREEZE = "freeze"


@dataclass(frozen=True, kw_only=True)
class StandingRules:
    """What strikes come to; a threshold of 0 is never reached."""

    strike_for: timedelta = timedelta(days=90)
    strikes_to_mute: int = 3
    mute_for: timedelta = timedelta(hours=24)
    strikes_to_ban: int = 5


@dataclass(frozen=True, kw_only=True)
class Strike:
    """One strike, or a warning, which counts for nothing; `rule` is an id or a category."""

    reason: str
    by: AccountId
    at: datetime
    expires_at: datetime
    rule: str = ""
    job_id: JobId | None = None
    is_warning: bool = False


@dataclass(frozen=True, kw_only=True)
class Sanction:
    """Why an account may not ask for pictures, and until when; None is until it is lifted."""

    reason: str
    by: AccountId
    at: datetime
    until: datetime | None = None

    def holds(self, now: datetime) -> bool:
        """Say whether it still holds."""
        return self.until is None or now < self.until


@dataclass(frozen=True, kw_only=True)
class AccountStanding:
    """All that was decided of an account."""

    account_id: AccountId
    strikes: tuple[Strike, ...] = ()
    mute: Sanction | None = None
    ban: Sanction | None = None
    freeze: Sanction | None = None

    @property
    def is_barred(self) -> bool:
        """Whether the account is out until somebody lets it in: what it has in line is ended."""
        return self.ban is not None or self.freeze is not None

    @property
    def is_frozen(self) -> bool:
        """Whether the account may do nothing at all, and nothing of it is shown."""
        return self.freeze is not None

    def active_strikes(self, now: datetime) -> tuple[Strike, ...]:
        """Return strikes and warnings that have not expired, oldest first."""
        return tuple(strike for strike in self.strikes if now < strike.expires_at)

    def strike_count(self, now: datetime) -> int:
        """Count what has not expired and is no mere warning."""
        return sum(not strike.is_warning for strike in self.active_strikes(now))

    def sanction(self, now: datetime) -> tuple[SanctionKind, Sanction] | None:
        """Return the gravest sanction that holds, or None."""
        for kind, sanction in (
            (SanctionKind.FREEZE, self.freeze),
            (SanctionKind.BAN, self.ban),
            (SanctionKind.MUTE, self.mute),
        ):
            if sanction is not None and sanction.holds(now):
                return kind, sanction
        return None

    def warned(self, warning: Strike) -> "AccountStanding":
        """Note a warning."""
        return self._with(replace(warning, is_warning=True))

    def struck(self, strike: Strike, rules: StandingRules) -> "AccountStanding":
        """Add a strike, and the mute or ban that it is one too many for."""
        struck = self._with(replace(strike, is_warning=False))
        count = struck.strike_count(strike.at)
        reason = f"{count} strikes"
        if 0 < rules.strikes_to_ban <= count:
            return struck.banned(Sanction(reason=reason, by=HOUSE, at=strike.at))
        if 0 < rules.strikes_to_mute <= count:
            until = strike.at + rules.mute_for
            return struck.muted(Sanction(reason=reason, by=HOUSE, at=strike.at, until=until))
        return struck

    def muted(self, mute: Sanction) -> "AccountStanding":
        """Keep the account from asking for a while; a longer mute is not shortened."""
        if self.mute is not None and _end_of(self.mute) > _end_of(mute):
            return self
        return replace(self, mute=mute)

    def banned(self, ban: Sanction) -> "AccountStanding":
        """Keep the account from asking until somebody lifts it; the first ban's words stay."""
        return replace(self, ban=self.ban or ban)

    def frozen(self, freeze: Sanction) -> "AccountStanding":
        """Freeze the account; no moderator lifts that."""
        return replace(self, freeze=self.freeze or freeze)

    def thawed(self) -> "AccountStanding":
        """Lift the freeze, and nothing else."""
        return replace(self, freeze=None)

    def lifted(self) -> "AccountStanding":
        """Lift mute and ban, and take back the strikes that led to them; not a freeze."""
        return replace(self, mute=None, ban=None, strikes=())

    def _with(self, strike: Strike) -> "AccountStanding":
        # What has expired is of no more use to anybody.
        return replace(self, strikes=(*self.active_strikes(strike.at), strike))


def must_not_be_frozen(standing: AccountStanding) -> None:
    """Refuse an account for which there is nothing to do or to see here while it is frozen.

    Raises:
        AccountFrozen: it is.

    """
    if standing.is_frozen:
        raise AccountFrozen


def must_be_welcome(standing: AccountStanding, *, now: datetime) -> None:
    """Refuse an account that may not ask for pictures.

    Raises:
        AccountMuted, AccountBanned, AccountFrozen: it is under that.

    """
    found = standing.sanction(now)
    if found is None:
        return
    match found:
        case SanctionKind.FREEZE, _:
            raise AccountFrozen
        case SanctionKind.BAN, ban:
            raise AccountBanned(reason=ban.reason)
        case _, mute:
            raise AccountMuted(reason=mute.reason, until=mute.until)


def _end_of(sanction: Sanction) -> datetime:
    return sanction.until or sanction.at + _FOR_GOOD
