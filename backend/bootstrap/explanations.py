"""Wires dry runs: what a prompt would be drawn as, and cost."""

import importlib.util
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from redis.asyncio import Redis

from backend.bootstrap.reading import make_reader
from backend.bootstrap.servers import now, open_database, open_gauges, open_redis
from backend.db.sessions import Database
from backend.db.stores import (
    SqlJobStore,
    SqlQueueDocuments,
)
from backend.delivery.presence import PoolPresence
from backend.domain.errors import Unavailable
from backend.domain.families import ModelFamily
from backend.models.folders import is_hub_id
from backend.models.measures import Measures
from backend.models.starters import starter_model
from backend.scheduling.gpu_pools import open_gpu_pool
from backend.service.expectations import Expectations
from backend.service.explanations import Explanations
from backend.service.fleet import Fleet, Presence
from backend.service.predictions import Predictions
from backend.service.turns import Turns
from backend.settings import Settings


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


class _NobodyToAsk:
    """The presence of workers where no server could tell of any."""

    async def families(self) -> frozenset[ModelFamily]:
        raise Unavailable

    async def controlnets(self) -> frozenset[str]:
        raise Unavailable
