"""Wires what counts all that waits for moderators, so that nobody's clock runs out unseen."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Final

import structlog
from redis.exceptions import RedisError

from backend.bootstrap.servers import open_database
from backend.db.review_store import SqlReviewStore
from backend.db.sessions import Database
from backend.domain.errors import Unavailable
from backend.domain.reviews import Backlog
from backend.service.meanwhile import in_rounds, meanwhile
from backend.service.ports import Clock, Gauges
from backend.settings import Settings

COUNT_EVERY_S: Final = 30.0

_log = structlog.get_logger(__name__)


async def count_backlog(settings: Settings, *, now: datetime) -> list[Backlog]:
    """Return what waits for moderators at a moment."""
    async with open_database(settings) as database:
        return await SqlReviewStore(database=database).backlog(now)


@asynccontextmanager
async def backlog_told(
    database: Database, gauges: Gauges, *, clock: Clock, every_s: float = COUNT_EVERY_S
) -> AsyncIterator[None]:
    """Tell what waits for moderators, twice a minute while in the block."""
    reviews = SqlReviewStore(database=database)

    async def tell() -> None:
        try:
            await gauges.tell_backlog(await reviews.backlog(clock()))
        except (RedisError, OSError, Unavailable) as error:
            _log.warning("backlog_not_told", error=repr(error))

    async with meanwhile(in_rounds(tell, every_s=every_s, name="backlog")):
        yield
