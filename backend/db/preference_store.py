"""What accounts save for their prompts, in SQL: one document each."""

from collections.abc import Callable
from datetime import UTC, datetime

from pydantic import TypeAdapter

from backend.db.sessions import Database
from backend.db.tables import PreferenceRow
from backend.domain.preferences import Preferences
from backend.domain.requests import AccountId

PREFERENCES: TypeAdapter[Preferences] = TypeAdapter(Preferences)


class SqlPreferenceStore:
    """The `PreferenceStore` of SQLite and PostgreSQL."""

    def __init__(self, *, database: Database) -> None:
        self._database = database

    async def get(self, account_id: AccountId) -> Preferences:
        async with self._database.read() as session:
            row = await session.get(PreferenceRow, account_id)
            return Preferences() if row is None else _preferences_of(row)

    async def change(
        self, account_id: AccountId, edit: Callable[[Preferences], Preferences]
    ) -> Preferences:
        async with self._database.write() as session:
            row = await session.get(PreferenceRow, account_id, with_for_update=True)
            changed = edit(Preferences() if row is None else _preferences_of(row))
            if row is None:
                row = PreferenceRow(
                    account_id=account_id, document={}, updated_at=datetime.now(UTC)
                )
                session.add(row)
            row.document = PREFERENCES.dump_python(changed, mode="json")
            row.updated_at = datetime.now(UTC)
            return changed


def _preferences_of(row: PreferenceRow) -> Preferences:
    return PREFERENCES.validate_python(row.document)
