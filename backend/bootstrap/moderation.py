"""Wires what moderators work with."""

from datetime import timedelta

from redis.asyncio import Redis

from backend.db.sessions import Database
from backend.db.stores import SqlStandingStore
from backend.delivery.cancel_flags import RedisCancelFlags
from backend.domain.standing import StandingRules
from backend.service.ports import Clock, OutboxPublisher
from backend.service.standings import Standings
from safety.policy import Policy


def make_standings(
    database: Database, redis: Redis, *, outbox: OutboxPublisher, policy: Policy, clock: Clock
) -> Standings:
    """Make the use cases around standing, with the thresholds of a policy."""
    return Standings(
        store=SqlStandingStore(database=database),
        cancel_flags=RedisCancelFlags(redis=redis),
        outbox=outbox,
        clock=clock,
        rules=StandingRules(
            strike_for=timedelta(days=policy.strike_days),
            strikes_to_mute=policy.strikes_to_mute,
            mute_for=timedelta(hours=policy.mute_hours),
            strikes_to_ban=policy.strikes_to_ban,
        ),
    )
