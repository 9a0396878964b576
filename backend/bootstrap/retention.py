"""Wires how long pictures are kept: a sweep a day in the dispatcher."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import structlog

from backend.bootstrap.images import open_store
from backend.bootstrap.moderation import make_files
from backend.db.picture_store import SqlPictureStore
from backend.db.sessions import Database
from backend.db.stores import SqlAuditLog, SqlJobStore, SqlReviewStore, SqlStandingStore
from backend.domain.errors import Unavailable
from backend.service.meanwhile import in_rounds, meanwhile
from backend.service.ports import Clock
from backend.service.retention import Retention, RetentionRules
from backend.service.standings import frozen_by
from backend.settings import Settings

EXPIRE_EVERY_S: Final = 6 * 3600.0

_log = structlog.get_logger(__name__)


def make_retention(database: Database, settings: Settings, *, clock: Clock) -> Retention:
    """Make what removes pictures whose time is over."""
    return Retention(
        pictures=SqlPictureStore(database=database),
        jobs=SqlJobStore(database=database),
        files=make_files(open_store(settings), clock=clock),
        audit=SqlAuditLog(database=database),
        reviews=SqlReviewStore(database=database),
        is_frozen=frozen_by(SqlStandingStore(database=database)),
        rules=RetentionRules(days=settings.retention_days, guild_days=settings.retention_guilds),
        clock=clock,
    )


@asynccontextmanager
async def pictures_expire(
    database: Database, settings: Settings, *, clock: Clock, every_s: float = EXPIRE_EVERY_S
) -> AsyncIterator[None]:
    """Remove what is due, now and then while in the block; nothing where nothing ever is."""
    if settings.retention_days is None and not settings.retention_guilds:
        yield
        return
    retention = make_retention(database, settings, clock=clock)

    async def sweep() -> None:
        try:
            count = await retention.expire()
        except Unavailable as error:
            _log.warning("pictures_not_expired", error=str(error))
        else:
            if count:
                _log.info("pictures_expired", count=count)

    async with meanwhile(in_rounds(sweep, every_s=every_s, name="retention")):
        yield
