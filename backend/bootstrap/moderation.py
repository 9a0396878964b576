"""Wires what moderators work with."""

import time
from datetime import timedelta

from redis.asyncio import Redis

from backend.bootstrap.checks import OpenLists
from backend.bootstrap.child_safety import make_child_safety, make_safety_reports
from backend.bootstrap.images import OpenStore, open_store
from backend.bootstrap.moderators import make_moderators
from backend.db.sessions import Database
from backend.db.stores import (
    SqlAuditLog,
    SqlCardStore,
    SqlJobStore,
    SqlMessageStore,
    SqlRemovalStore,
    SqlReviewStore,
    SqlStandingStore,
)
from backend.delivery.cancel_flags import RedisCancelFlags
from backend.delivery.links import StoredPictures
from backend.delivery.listed_pictures import VettedPictures
from backend.delivery.removals import StoredFiles
from backend.delivery.watched_lists import WatchedLists
from backend.domain.standing import StandingRules
from backend.limits.memory_limiter import MemoryLimiter
from backend.service.appeals import Appeals
from backend.service.likenesses import Likenesses
from backend.service.look_alikes import LookAlikes
from backend.service.looking import ReviewPictures
from backend.service.ports import Clock, OutboxPublisher, Previews
from backend.service.removal_requests import RemovalRequests
from backend.service.removals import Removals
from backend.service.reviews import Reviews
from backend.service.services import Moderation
from backend.service.standings import Standings
from backend.settings import Settings


def make_standings(
    settings: Settings, database: Database, redis: Redis, outbox: OutboxPublisher, *, clock: Clock
) -> Standings:
    """Make the use cases around standing, with the thresholds of the deployment's policy."""
    policy = settings.safety_policy
    return Standings(
        store=SqlStandingStore(database=database),
        cancel_flags=RedisCancelFlags(redis=redis),
        outbox=outbox,
        moderators=make_moderators(settings, database, clock=clock),
        clock=clock,
        rules=StandingRules(
            strike_for=timedelta(days=policy.strike_days),
            strikes_to_mute=policy.strikes_to_mute,
            mute_for=timedelta(hours=policy.mute_hours),
            strikes_to_ban=policy.strikes_to_ban,
        ),
    )


def make_moderation(
    settings: Settings,
    database: Database,
    standings: Standings,
    outbox: OutboxPublisher,
    open_lists: OpenLists,
    likenesses: Likenesses,
    previews: Previews,
    clock: Clock,
) -> Moderation:
    """Make what members and moderators do."""
    stored = open_store(settings)
    reviews, jobs = SqlReviewStore(database=database), SqlJobStore(database=database)
    moderators = make_moderators(settings, database, clock=clock)
    cards = SqlCardStore(database=database)
    removals = make_removals(
        settings, database, stored=stored, clock=clock, likenesses=likenesses, previews=previews
    )
    return Moderation(
        standings=standings,
        reviews=Reviews(
            reviews=reviews,
            jobs=jobs,
            cards=cards,
            removals=removals,
            standings=standings,
            moderators=moderators,
            outbox=outbox,
            audit=SqlAuditLog(database=database),
            clock=clock,
        ),
        appeals=Appeals(reviews=reviews, jobs=jobs, clock=clock),
        cards=cards,
        removals=removals,
        requests=RemovalRequests(
            store=SqlRemovalStore(database=database),
            reviews=reviews,
            jobs=jobs,
            files=make_files(stored, clock=clock),
            moderators=moderators,
            likenesses=likenesses,
            limiter=MemoryLimiter(burst=5, per_minute=1, clock=time.monotonic),
            listed=VettedPictures(open_lists=open_lists),
            child_safety=make_child_safety(settings, database, standings, clock=clock),
            audit=SqlAuditLog(database=database),
            clock=clock,
        ),
        safety=make_safety_reports(settings, database, clock=clock),
        lists=WatchedLists(open_lists=open_lists),
        looking=ReviewPictures(
            reviews=reviews,
            jobs=jobs,
            pictures=StoredPictures(images=stored.images, clock=clock),
            standings=standings,
            moderators=moderators,
            audit=SqlAuditLog(database=database),
            clock=clock,
        ),
    )


def make_removals(
    settings: Settings,
    database: Database,
    *,
    stored: OpenStore,
    clock: Clock,
    likenesses: Likenesses,
    previews: Previews,
) -> Removals:
    """Make what removes pictures everywhere."""
    return Removals(
        store=SqlRemovalStore(database=database),
        jobs=SqlJobStore(database=database),
        messages=SqlMessageStore(database=database),
        moderators=make_moderators(settings, database, clock=clock),
        files=make_files(stored, clock=clock),
        previews=previews,
        look_alikes=LookAlikes(
            likenesses=likenesses,
            reviews=SqlReviewStore(database=database),
            jobs=SqlJobStore(database=database),
            files=make_files(stored, clock=clock),
            clock=clock,
        ),
        clock=clock,
    )


def make_files(stored: OpenStore, *, clock: Clock) -> StoredFiles:
    """Make what removes the files of pictures."""
    return StoredFiles(objects=stored.objects, images=stored.images, clock=clock)
