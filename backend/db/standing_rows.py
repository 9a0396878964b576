"""An account's standing as a row, for every store that has to heed it."""

from pydantic import TypeAdapter
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.db.moderation_tables import StandingRow
from backend.domain.requests import AccountId
from backend.domain.standing import AccountStanding

STANDING: TypeAdapter[AccountStanding] = TypeAdapter(AccountStanding)


async def standing_in(session: AsyncSession, account_id: AccountId) -> AccountStanding:
    """Return an account's standing as the transaction sees it."""
    return standing_of(await session.get(StandingRow, account_id), account_id)


def standing_of(row: StandingRow | None, account_id: AccountId) -> AccountStanding:
    """Return what a row tells; of none, a clean standing."""
    if row is None:
        return AccountStanding(account_id=account_id)
    return STANDING.validate_python(row.document)
