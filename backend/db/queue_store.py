"""What each family's fair queue remembers, one document a family."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from backend.db.sessions import Database
from backend.db.tables import FairQueueRow
from backend.domain.families import ModelFamily


class SqlQueueDocuments:
    """The `QueueDocuments` of SQLite and PostgreSQL."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    async def load(self, family: ModelFamily) -> dict[str, Any] | None:
        async with self._database.read() as session:
            row = await session.get(FairQueueRow, family.value)
            return None if row is None else row.document

    async def save(self, family: ModelFamily, document: Mapping[str, Any]) -> None:
        row = FairQueueRow(
            family=family.value, document=dict(document), updated_at=datetime.now(UTC)
        )
        async with self._database.write() as session:
            await session.merge(row)
