"""Wires who may decide about others."""

from backend.db.sessions import Database
from backend.db.stores import SqlAuditLog, SqlStandingStore
from backend.service.moderators import Moderators
from backend.service.ports import Clock
from backend.settings import Settings


def make_moderators(settings: Settings, database: Database, *, clock: Clock) -> Moderators:
    """Make what says who moderates now."""
    return Moderators(
        standings=SqlStandingStore(database=database),
        audit=SqlAuditLog(database=database),
        clock=clock,
        decide_own=settings.moderators_decide_own,
    )
