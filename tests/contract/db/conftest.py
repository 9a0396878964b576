"""The stores under one contract: in memory, in SQLite, in PostgreSQL."""

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass

import pytest

from backend.db.sessions import Database
from backend.db.stores import (
    SqlAuditLog,
    SqlBooks,
    SqlCardStore,
    SqlJobStore,
    SqlKeyStore,
    SqlMessageStore,
    SqlPictureStore,
    SqlPreferenceStore,
    SqlQueueDocuments,
    SqlRemovalStore,
    SqlReviewStore,
    SqlSafetyReportStore,
    SqlStandingStore,
    SqlUploadStore,
    SqlWithheldPictures,
)
from backend.service.child_safety import SafetyReportStore
from backend.service.moderation_ports import CardStore, ReviewStore, StandingStore, WithheldPictures
from backend.service.picture_ports import PictureStore
from backend.service.ports import (
    AuditLog,
    Books,
    JobStore,
    KeyStore,
    MessageStore,
    PreferenceStore,
    QueueDocuments,
    UploadStore,
)
from backend.service.removal_ports import RemovalStore
from safety.moderation.audit import AuditEntry
from tests.fakes.audit import MemoryAuditLog
from tests.fakes.child_safety import MemorySafetyReportStore
from tests.fakes.moderation import (
    MemoryCardStore,
    MemoryReviewStore,
    MemoryStandingStore,
    MemoryWithheldPictures,
)
from tests.fakes.pictures import MemoryPictureStore
from tests.fakes.removals import MemoryRemovalStore
from tests.fakes.stores import (
    Memory,
    MemoryBooks,
    MemoryJobStore,
    MemoryKeyStore,
    MemoryMessageStore,
    MemoryPreferenceStore,
    MemoryQueueDocuments,
)
from tests.fakes.uploads import MemoryUploadStore


@dataclass(frozen=True, kw_only=True)
class Stores:
    """One set of the stores over the same data."""

    jobs: JobStore
    reviews: ReviewStore
    books: Books
    messages: MessageStore
    keys: KeyStore
    documents: QueueDocuments
    uploads: UploadStore
    preferences: PreferenceStore
    standings: StandingStore
    audit: AuditLog
    recorded: Callable[[], Awaitable[list[AuditEntry]]]
    pictures: PictureStore
    cards: CardStore
    removals: RemovalStore
    withheld: WithheldPictures
    safety_reports: SafetyReportStore


def sql_stores(database: Database) -> Stores:
    async def recorded() -> list[AuditEntry]:
        async with SqlAuditLog(database=database).reading() as log:
            return [chained.entry async for chained in log.entries()]

    return Stores(
        jobs=SqlJobStore(database=database),
        reviews=SqlReviewStore(database=database),
        books=SqlBooks(database=database),
        messages=SqlMessageStore(database=database),
        keys=SqlKeyStore(database=database),
        documents=SqlQueueDocuments(database=database),
        uploads=SqlUploadStore(database=database),
        preferences=SqlPreferenceStore(database=database),
        standings=SqlStandingStore(database=database),
        audit=SqlAuditLog(database=database),
        recorded=recorded,
        pictures=SqlPictureStore(database=database),
        cards=SqlCardStore(database=database),
        removals=SqlRemovalStore(database=database),
        withheld=SqlWithheldPictures(database=database),
        safety_reports=SqlSafetyReportStore(database=database),
    )


def memory_stores() -> Stores:
    memory = Memory()
    cards = MemoryCardStore(memory=memory)

    async def recorded() -> list[AuditEntry]:
        return list(memory.audit)

    return Stores(
        jobs=MemoryJobStore(memory=memory),
        reviews=MemoryReviewStore(memory=memory),
        books=MemoryBooks(memory=memory),
        messages=MemoryMessageStore(),
        keys=MemoryKeyStore(memory=memory),
        documents=MemoryQueueDocuments(),
        uploads=MemoryUploadStore(),
        preferences=MemoryPreferenceStore(),
        standings=MemoryStandingStore(memory=memory),
        audit=MemoryAuditLog(memory=memory),
        recorded=recorded,
        pictures=MemoryPictureStore(memory=memory),
        cards=cards,
        removals=MemoryRemovalStore(memory=memory, cards=cards.cards),
        withheld=MemoryWithheldPictures(memory=memory),
        safety_reports=MemorySafetyReportStore(memory=memory),
    )


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def store_url(request: pytest.FixtureRequest) -> str | None:
    names = {"sqlite": "sqlite_url", "postgres": "migrated_postgres_url"}
    return request.getfixturevalue(names[request.param]) if request.param in names else None


@pytest.fixture
async def stores(store_url: str | None) -> AsyncIterator[Stores]:
    if store_url is None:
        yield memory_stores()
        return
    database = Database(store_url)
    yield sql_stores(database)
    await database.close()
