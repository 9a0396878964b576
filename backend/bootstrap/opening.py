"""Wires the use cases together, over databases, brokers and stores."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial

from redis.asyncio import Redis

from backend.bootstrap.accounts import make_accounts
from backend.bootstrap.audit import policy_told
from backend.bootstrap.checks import OpenLists, open_upload_checks, share_lists
from backend.bootstrap.child_safety import make_child_safety
from backend.bootstrap.explanations import open_expectations, open_measures
from backend.bootstrap.images import open_images
from backend.bootstrap.links import open_named_pictures
from backend.bootstrap.moderation import make_moderation, make_standings
from backend.bootstrap.moderators import make_moderators
from backend.bootstrap.policies import make_policies, make_policy_desk
from backend.bootstrap.provenance import make_likenesses, make_provenance
from backend.bootstrap.reading import make_reader
from backend.bootstrap.servers import now, open_bus, open_database, open_redis
from backend.db.sessions import Database
from backend.db.stores import (
    SqlAuditLog,
    SqlJobStore,
    SqlMessageStore,
    SqlPreferenceStore,
    SqlQueueDocuments,
    SqlStandingStore,
    SqlUploadStore,
)
from backend.delivery.cancel_flags import RedisCancelFlags
from backend.delivery.links import StoredPictures
from backend.delivery.outbox import Outbox
from backend.delivery.outlooks import RedisOutlooks
from backend.delivery.presence import PoolPresence
from backend.delivery.previews import RedisPreviews
from backend.delivery.uploads import StoredUploads
from backend.scheduling.gpu_pools import open_gpu_pool
from backend.service.explanations import Explanations
from backend.service.fleet import Fleet
from backend.service.generations import Generations
from backend.service.given_pictures import GivenPictures
from backend.service.policies import PlacePolicies
from backend.service.ports import Clock
from backend.service.predictions import Predictions
from backend.service.preferences import SavedPreferences
from backend.service.reader import Reader
from backend.service.services import Services
from backend.service.standings import Standings, frozen_by
from backend.service.uploads import Uploads
from backend.settings import Settings


@asynccontextmanager
async def open_services(settings: Settings | None = None) -> AsyncIterator[Services]:
    """Open the use cases over the configured servers; `settings` are read if not given.

    Raises:
        Unavailable: no Redis-protocol server is configured.

    """
    settings = settings or Settings()
    async with open_database(settings) as database, open_redis(settings) as redis:
        jobs, bus = SqlJobStore(database=database), open_bus(redis)
        outbox, previews = Outbox(jobs=jobs, bus=bus), RedisPreviews(redis=redis)
        standings = make_standings(settings, database, redis, outbox, clock=now)
        fleet, policies = _make_fleet(settings, redis), make_policies(database, settings, clock=now)
        given = make_given_pictures(database, policies, clock=now)
        lists, index = share_lists(settings), make_likenesses(database)
        uploads = make_uploads(
            database, settings, policies, clock=now, standings=standings, open_lists=lists
        )
        moderators = make_moderators(settings, database, clock=now)
        preferences = SavedPreferences(store=SqlPreferenceStore(database=database))
        reader = replace(
            make_reader(settings, fleet, policies),
            preferences=preferences,
            given=given,
            named=open_named_pictures(settings, uploads=uploads, given=given),
        )
        predictions = Predictions(documents=SqlQueueDocuments(database=database))
        services = Services(
            generations=Generations(
                jobs=jobs,
                pictures=make_pictures(settings),
                reader=reader,
                previews=previews,
                cancel_flags=RedisCancelFlags(redis=redis),
                outbox=outbox,
                outlooks=RedisOutlooks(redis=redis),
                predictions=predictions,
                fleet=fleet,
                standings=standings,
                moderators=moderators,
                child_safety=make_child_safety(settings, database, standings, clock=now),
                audit=SqlAuditLog(database=database),
                policies=settings.tier_policies,
                clock=now,
            ),
            uploads=uploads,
            provenance=make_provenance(settings, database, index),
            moderation=make_moderation(
                settings, database, standings, outbox, lists, index, previews, now
            ),
            accounts=make_accounts(database),
            messages=SqlMessageStore(database=database),
            events=bus,
            fleet=fleet,
            explanations=_make_explanations(settings, redis, database, reader, predictions),
            preferences=preferences,
            policies=make_policy_desk(settings, policies, moderators),
        )
        async with fleet.watching(), policy_told(database, settings, clock=now):
            yield services


def _make_explanations(
    settings: Settings, redis: Redis, database: Database, reader: Reader, predictions: Predictions
) -> Explanations:
    return Explanations(
        reader=reader,
        predictions=predictions,
        measures=open_measures(settings),
        expectations=open_expectations(redis, database),
    )


def make_pictures(settings: Settings) -> StoredPictures:
    """Make the stored pictures, to be read and linked."""
    return StoredPictures(images=open_images(settings), clock=now)


def _make_fleet(settings: Settings, redis: Redis) -> Fleet:
    return Fleet(
        presence=PoolPresence(pool=open_gpu_pool("local", redis=redis)),
        families=settings.families,
        patience_s=settings.worker_patience_s,
    )


def make_given_pictures(
    database: Database, policies: PlacePolicies, *, clock: Clock
) -> GivenPictures:
    """Make what looks up the pictures that requests name."""
    return GivenPictures(
        jobs=SqlJobStore(database=database),
        uploads=SqlUploadStore(database=database),
        is_frozen=frozen_by(SqlStandingStore(database=database)),
        policies=policies,
        clock=clock,
    )


def make_uploads(
    database: Database,
    settings: Settings,
    policies: PlacePolicies,
    *,
    clock: Clock,
    standings: Standings | None = None,
    open_lists: OpenLists | None = None,
) -> Uploads:
    """Make the use cases around uploads; the image checks are loaded with the first.

    Without `standings` none can be added.
    """
    return Uploads(
        store=SqlUploadStore(database=database),
        pictures=StoredUploads(
            images=open_images(settings),
            open_checks=partial(open_upload_checks, settings, open_lists or share_lists(settings)),
        ),
        standings=standings,
        policies=policies,
        audit=SqlAuditLog(database=database),
        child_safety=None
        if standings is None
        else make_child_safety(settings, database, standings, clock=clock),
        clock=clock,
    )
