"""Which pictures are withheld: all that an account had drawn, as long as it is frozen.

Written in the transaction that freezes or lifts, so that every link dies with the same commit.
"""

from sqlalchemy import delete
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from backend.db.codecs import RESULT, decode
from backend.db.moderation_tables import WithheldPictureRow
from backend.db.sessions import Database
from backend.db.tables import JobRow
from backend.domain.jobs import JobState
from backend.domain.requests import AccountId
from backend.domain.results import folder_of
from backend.domain.standing import AccountStanding


class SqlWithheldPictures:
    """The `WithheldPictures` of SQLite and PostgreSQL."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    async def holds(self, key: str) -> bool:
        query = (
            select(WithheldPictureRow.folder)
            .where(col(WithheldPictureRow.folder) == folder_of(key))
            .limit(1)
        )
        async with self._database.read() as session:
            return (await session.exec(query)).first() is not None


async def withhold_or_return(session: AsyncSession, standing: AccountStanding) -> None:
    """Withhold all that a frozen account had drawn; of any other, nothing."""
    account_id = standing.account_id
    own = col(WithheldPictureRow.account_id) == account_id
    if not standing.is_frozen:
        await session.exec(delete(WithheldPictureRow).where(own))
        return
    known = set(await session.exec(select(WithheldPictureRow.folder).where(own)))
    drawn = await _folders_of(session, account_id)
    session.add_all(
        WithheldPictureRow(folder=folder, account_id=account_id) for folder in sorted(drawn - known)
    )


async def _folders_of(session: AsyncSession, account_id: AccountId) -> set[str]:
    query = select(JobRow.result).where(
        col(JobRow.account_id) == account_id, col(JobRow.state) == JobState.DELIVERED.value
    )
    found = [decode(RESULT, stored) for stored in await session.exec(query)]
    images = [image for result in found if result is not None for image in result.images]
    return {folder_of(key) for image in images for key in image.keys.values()}
