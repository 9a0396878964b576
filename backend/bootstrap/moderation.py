"""Wires what moderators work with."""

from datetime import timedelta

from redis.asyncio import Redis

from backend.db.sessions import Database
from backend.db.stores import (
    SqlAuditLog,
    SqlCardStore,
    SqlJobStore,
    SqlReviewStore,
    SqlStandingStore,
)
from backend.delivery.cancel_flags import RedisCancelFlags
from backend.domain.standing import StandingRules
from backend.service.appeals import Appeals
from backend.service.ports import Clock, OutboxPublisher
from backend.service.reviews import Reviews
from backend.service.services import Moderation
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


def make_moderation(
    database: Database, standings: Standings, *, outbox: OutboxPublisher, clock: Clock
) -> Moderation:
    """Make what members and moderators do."""
    reviews, jobs = SqlReviewStore(database=database), SqlJobStore(database=database)
    cards = SqlCardStore(database=database)
    return Moderation(
        standings=standings,
        reviews=Reviews(
            reviews=reviews,
            jobs=jobs,
            cards=cards,
            standings=standings,
            outbox=outbox,
            audit=SqlAuditLog(database=database),
            clock=clock,
        ),
        appeals=Appeals(reviews=reviews, jobs=jobs, clock=clock),
        cards=cards,
    )
