"""What the dispatcher looks after beside the line: the audit log, and pictures as they age."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from backend.bootstrap.audit import make_audit_seal, tell_models_in_force
from backend.bootstrap.backlog import backlog_told
from backend.bootstrap.retention import pictures_expire
from backend.bootstrap.tiers import tiers_kept
from backend.bootstrap.unanswered import requests_settled
from backend.db.sessions import Database
from backend.service.ports import Clock, Gauges
from backend.service.removals import Removals
from backend.settings import Settings


@asynccontextmanager
async def kept_up(
    database: Database, settings: Settings, gauges: Gauges, removals: Removals, *, clock: Clock
) -> AsyncIterator[None]:
    """Sign the audit log, move pictures to colder folders and remove those whose time is over.

    What waits for moderators is counted too, and what nobody answered in time is settled.
    """
    async with (
        make_audit_seal(database, settings).kept(clock),
        tiers_kept(settings),
        pictures_expire(database, settings, clock=clock),
        backlog_told(database, gauges, clock=clock),
        requests_settled(database, settings, removals, clock=clock),
    ):
        await tell_models_in_force(database, settings, clock=clock)
        yield
