"""Wires the child safety workflow."""

from redis.asyncio import Redis

from backend.bootstrap.moderation import make_standings
from backend.db.sessions import Database
from backend.db.stores import SqlAuditLog, SqlSafetyReportStore
from backend.service.child_safety import ChildSafety
from backend.service.ports import Clock, OutboxPublisher
from backend.settings import Settings


def make_child_safety(
    settings: Settings, database: Database, redis: Redis, outbox: OutboxPublisher, clock: Clock
) -> ChildSafety:
    """Make the use cases around child safety findings."""
    return ChildSafety(
        store=SqlSafetyReportStore(database=database),
        standings=make_standings(
            database, redis, outbox=outbox, policy=settings.safety_policy, clock=clock
        ),
        audit=SqlAuditLog(database=database),
    )
