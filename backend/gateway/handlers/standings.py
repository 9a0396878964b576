"""What was decided of the caller's account."""

from datetime import datetime

from aiohttp import web
from pydantic import BaseModel

from backend.domain.requests import Requester
from backend.domain.standing import AccountStanding, SanctionKind
from backend.gateway.app_keys import CLOCK, SERVICES


class StrikeOut(BaseModel):
    """A strike or a warning that has not expired."""

    kind: str
    reason: str
    generation_id: str | None
    at: datetime
    expires_at: datetime


class SanctionOut(BaseModel):
    """What keeps the account from asking; `until` is null where somebody has to lift it."""

    kind: SanctionKind
    reason: str
    at: datetime
    until: datetime | None


class StandingOut(BaseModel):
    """An account's standing as its owner may read it: never who decided."""

    may_generate: bool
    strike_count: int
    strikes: list[StrikeOut]
    sanction: SanctionOut | None


async def show_own(request: web.Request, requester: Requester) -> web.Response:
    """Tell the caller of their strikes and of what keeps them from asking."""
    standing = await request.app[SERVICES].moderation.standings.standing_of(requester.account_id)
    out = _standing_out(standing, now=request.app[CLOCK]())
    return web.Response(body=out.model_dump_json().encode(), content_type="application/json")


def _standing_out(standing: AccountStanding, *, now: datetime) -> StandingOut:
    """Return a standing as its owner may read it."""
    found = standing.sanction(now)
    return StandingOut(
        may_generate=found is None,
        strike_count=standing.strike_count(now),
        strikes=[
            StrikeOut(
                kind="warning" if strike.is_warning else "strike",
                reason=strike.reason,
                generation_id=strike.job_id,
                at=strike.at,
                expires_at=strike.expires_at,
            )
            for strike in standing.active_strikes(now)
        ],
        sanction=None
        if found is None
        else SanctionOut(
            kind=found[0],
            reason="" if found[0] is SanctionKind.FREEZE else found[1].reason,
            at=found[1].at,
            until=found[1].until,
        ),
    )
