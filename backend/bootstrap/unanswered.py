"""Wires what becomes of requests for removal that nobody answered in time."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import structlog

from backend.db.sessions import Database
from backend.db.stores import SqlJobStore, SqlReviewStore, SqlStandingStore
from backend.domain.errors import Unavailable
from backend.service.meanwhile import in_rounds, meanwhile
from backend.service.ports import Clock
from backend.service.removals import Removals
from backend.service.standings import frozen_by
from backend.service.unanswered import UnansweredRequests
from backend.settings import Settings

SETTLE_EVERY_S: Final = 60.0

_log = structlog.get_logger(__name__)


@asynccontextmanager
async def requests_settled(
    database: Database,
    settings: Settings,
    removals: Removals,
    *,
    clock: Clock,
    every_s: float = SETTLE_EVERY_S,
) -> AsyncIterator[None]:
    """Grant what nobody answered, now and then while in the block, if the settings say so."""
    if settings.removal_unanswered != "remove":
        yield
        return
    unanswered = UnansweredRequests(
        reviews=SqlReviewStore(database=database),
        jobs=SqlJobStore(database=database),
        removals=removals,
        is_frozen=frozen_by(SqlStandingStore(database=database)),
        clock=clock,
    )

    async def settle() -> None:
        try:
            count = await unanswered.settle()
        except Unavailable as error:
            _log.warning("requests_not_settled", error=str(error))
        else:
            if count:
                _log.warning("requests_granted_unanswered", count=count)

    async with meanwhile(in_rounds(settle, every_s=every_s, name="unanswered requests")):
        yield
