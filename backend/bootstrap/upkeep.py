"""What the dispatcher looks after beside the line: the audit log, and pictures as they age."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from backend.bootstrap.audit import make_audit_seal, tell_models_in_force
from backend.bootstrap.backlog import backlog_told
from backend.bootstrap.retention import pictures_expire
from backend.bootstrap.tiers import tiers_kept
from backend.db.sessions import Database
from backend.service.ports import Clock, Gauges
from backend.settings import Settings


@asynccontextmanager
async def kept_up(
    database: Database, settings: Settings, gauges: Gauges, *, clock: Clock
) -> AsyncIterator[None]:
    """Sign the audit log, move pictures to colder folders and remove those whose time is over.

    What waits for moderators is counted too.
    """
    async with (
        make_audit_seal(database, settings).kept(clock),
        tiers_kept(settings),
        pictures_expire(database, settings, clock=clock),
        backlog_told(database, gauges, clock=clock),
    ):
        await tell_models_in_force(database, settings, clock=clock)
        yield
