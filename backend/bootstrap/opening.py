"""Wires the backend together: opens databases, brokers and stores, and closes them again."""

import importlib.util
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache, partial
from pathlib import Path

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

from backend.bootstrap.audit import policy_told
from backend.bootstrap.checks import OpenLists, open_upload_checks, share_lists
from backend.bootstrap.child_safety import make_child_safety
from backend.bootstrap.images import open_images
from backend.bootstrap.links import open_named_pictures
from backend.bootstrap.moderation import make_moderation, make_standings
from backend.bootstrap.moderators import make_moderators
from backend.bootstrap.policies import make_policies, make_policy_desk
from backend.bootstrap.provenance import make_likenesses, make_provenance
from backend.db.sessions import Database
from backend.db.stores import (
    SqlAuditLog,
    SqlBooks,
    SqlJobStore,
    SqlKeyStore,
    SqlMessageStore,
    SqlPreferenceStore,
    SqlQueueDocuments,
    SqlStandingStore,
    SqlUploadStore,
)
from backend.delivery.cancel_flags import RedisCancelFlags
from backend.delivery.event_bus import SinkEventBus
from backend.delivery.event_sinks import open_event_sink
from backend.delivery.gauges import RedisGauges
from backend.delivery.links import StoredPictures
from backend.delivery.outbox import Outbox
from backend.delivery.outlooks import RedisOutlooks
from backend.delivery.presence import PoolPresence
from backend.delivery.previews import RedisPreviews
from backend.delivery.uploads import StoredUploads
from backend.dispatch.leader import LEADER_KEY
from backend.domain.errors import Unavailable
from backend.domain.families import ModelFamily
from backend.models.folders import is_hub_id
from backend.models.measures import Measures
from backend.models.starters import starter_model
from backend.prompt.interpreter import Interpret, Interpreter, Patience
from backend.prompt.judging import SafetyScreen
from backend.prompt.language import ENGLISH, UNKNOWN, LanguageGuess
from backend.prompt.translators import open_translator
from backend.prompt.translators.glossary.telling import Teller, open_teller
from backend.scheduling.gpu_pools import open_gpu_pool
from backend.service.accounts import Accounts
from backend.service.expectations import Expectations
from backend.service.explanations import Explanations
from backend.service.fleet import Fleet, Presence
from backend.service.generations import Generations
from backend.service.given_pictures import GivenPictures
from backend.service.policies import Everywhere, PlacePolicies, Policies, ScreensByPolicy
from backend.service.ports import Clock
from backend.service.predictions import Predictions
from backend.service.preferences import SavedPreferences
from backend.service.reader import Reader
from backend.service.services import Services
from backend.service.standings import Standings, frozen_by
from backend.service.turns import Turns
from backend.service.uploads import Uploads
from backend.settings import Settings
from safety.prompt_checks import open_prompt_checks, rules_version


def now() -> datetime:
    """Return the time, in UTC."""
    return datetime.now(UTC)


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


def make_reader(settings: Settings, fleet: Fleet, policies: Policies | None = None) -> Reader:
    """Make what reads requests, without pictures and saved preferences.

    Without `policies` the deployment's holds everywhere.
    """
    screen = open_screen(settings)
    return Reader(
        screens=ScreensByPolicy(screen, policies) if policies else Everywhere(screen),
        fleet=fleet,
        house=settings.house,
        interpret=open_interpreter(settings),
        named=open_named_pictures(settings),
    )


def _make_fleet(settings: Settings, redis: Redis) -> Fleet:
    return Fleet(
        presence=PoolPresence(pool=open_gpu_pool("local", redis=redis)),
        families=settings.families,
        patience_s=settings.worker_patience_s,
    )


@asynccontextmanager
async def open_explanations(settings: Settings) -> AsyncIterator[Explanations]:
    """Open dry runs alone: with the line and what was learned, where they can be reached."""
    async with AsyncExitStack() as stack:
        documents: SqlQueueDocuments | None = None
        presence: Presence = _NobodyToAsk()
        expectations = None
        if settings.has_database:
            database = await stack.enter_async_context(open_database(settings))
            documents = SqlQueueDocuments(database=database)
            if settings.redis_url is not None:
                redis = await stack.enter_async_context(open_redis(settings))
                expectations = open_expectations(redis, database)
                presence = PoolPresence(pool=open_gpu_pool("local", redis=redis))
        yield Explanations(
            reader=make_reader(settings, Fleet(presence=presence, families=settings.families)),
            predictions=Predictions(documents=documents),
            measures=open_measures(settings),
            expectations=expectations,
        )


def open_measures(settings: Settings) -> Measures:
    """Open what can be read of the models that are on this host."""
    folders: dict[ModelFamily, Path | None] = {}
    for family in ModelFamily:
        source = settings.model_source(family)
        if source is None:
            # Where nothing can be drawn, a starter says nothing of what is drawn elsewhere.
            draws_here = importlib.util.find_spec("diffusers") is not None
            folders[family] = starter_model(family) if draws_here else None
        else:
            folders[family] = None if is_hub_id(source) else Path(source).expanduser()
    return Measures(folders=folders)


def open_expectations(redis: Redis, database: Database) -> Expectations:
    """Open what looks ahead for jobs that are not in line."""
    jobs, documents = SqlJobStore(database=database), SqlQueueDocuments(database=database)
    return Expectations(
        gauges=open_gauges(redis),
        open_turns=lambda family: Turns(family=family, jobs=jobs, documents=documents, clock=now),
        clock=now,
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


def open_interpreter(settings: Settings) -> Interpret | None:
    """Open what puts prompts into English; None where they are read as they are typed.

    Raises:
        TranslatorError: the translator lacks something it needs.

    """
    chosen = settings.translator_settings
    if chosen is None:
        return None
    return Interpreter(
        translator=open_translator(chosen),
        guess=_tell_language,
        patience=Patience(deadline_s=settings.translation_deadline_s),
        is_must=settings.translation_must,
    )


def _tell_language(text: str) -> str:
    """Return a text's language; where a few words are too few to guess, by knowing them."""
    guessed = _language_guess()(text)
    # The glossary is not read for what is English anyway.
    if guessed == ENGLISH or _teller().is_short_english(text):
        return ENGLISH
    return _teller().tell(text) if guessed == UNKNOWN else guessed


# Each takes most of a second to load, which only a prompt is worth.
@cache
def _language_guess() -> LanguageGuess:
    return LanguageGuess()


@cache
def _teller() -> Teller:
    return open_teller()


def open_screen(settings: Settings) -> SafetyScreen:
    """Open the prompt screen with the checks that ship and the policy in force."""
    return SafetyScreen(
        checks=open_prompt_checks(settings.prompt_check_settings),
        policy=settings.safety_policy,
        rules=rules_version(settings.prompt_check_settings),
    )


@asynccontextmanager
async def open_accounts(settings: Settings) -> AsyncIterator[Accounts]:
    """Open only the accounts, which need no broker."""
    async with open_database(settings) as database:
        yield make_accounts(database)


def make_accounts(database: Database) -> Accounts:
    """Make the accounts over an open database."""
    return Accounts(
        keys=SqlKeyStore(database=database),
        jobs=SqlJobStore(database=database),
        books=SqlBooks(database=database),
        standings=SqlStandingStore(database=database),
        clock=now,
    )


@asynccontextmanager
async def open_database(settings: Settings) -> AsyncIterator[Database]:
    """Open the database and close it again."""
    settings.make_home()
    database = Database(settings.database)
    try:
        yield database
    finally:
        await database.close()


@asynccontextmanager
async def open_redis(settings: Settings) -> AsyncIterator[Redis]:
    """Open a client of the Redis-protocol server and close it again.

    Raises:
        Unavailable: none is configured.

    """
    if settings.redis_url is None:
        raise Unavailable
    # Whoever asks a dead broker has a better place to wait than in a client that tries again.
    redis: Redis = Redis.from_url(
        settings.redis_url,
        socket_connect_timeout=3,
        health_check_interval=15,
        retry=Retry(NoBackoff(), 1),
    )
    try:
        yield redis
    finally:
        await redis.aclose()


def open_bus(redis: Redis) -> SinkEventBus:
    """Open the bus of job events."""
    return SinkEventBus(sink=open_event_sink("redis_stream", redis=redis))


def open_gauges(redis: Redis) -> RedisGauges:
    """Open what is measured of the lines."""
    return RedisGauges(redis=redis, leader_key=LEADER_KEY)


class _NobodyToAsk:
    """The presence of workers where no server could tell of any."""

    async def families(self) -> frozenset[ModelFamily]:
        raise Unavailable

    async def controlnets(self) -> frozenset[str]:
        raise Unavailable
