"""`python -m backend gateway|dispatcher|migrate`: one backend process."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final, TextIO, cast

import structlog
from aiohttp import web
from pydantic import ValidationError
from redis.asyncio import Redis

from backend.bootstrap.child_safety import make_child_safety
from backend.bootstrap.images import open_objects, open_store
from backend.bootstrap.log_stream import LogStream
from backend.bootstrap.moderation import make_removals, make_standings
from backend.bootstrap.opening import make_given_pictures, make_uploads, open_services
from backend.bootstrap.policies import make_policies
from backend.bootstrap.provenance import make_likenesses
from backend.bootstrap.servers import now, open_bus, open_database, open_gauges, open_redis
from backend.bootstrap.upkeep import kept_up
from backend.contracts import REPORT_STREAM
from backend.db.clock import DatabaseClock
from backend.db.migrate import upgrade
from backend.db.sessions import Database
from backend.db.stores import SqlJobStore, SqlQueueDocuments, SqlWithheldPictures
from backend.delivery.cancel_flags import RedisCancelFlags
from backend.delivery.group_reader import GroupReader
from backend.delivery.outbox import Outbox
from backend.delivery.outlooks import RedisOutlooks
from backend.delivery.previews import RedisPreviews
from backend.dispatch.celery_app import open_celery
from backend.dispatch.loop import Dispatcher
from backend.dispatch.receive import REPORT_CONSUMER, REPORT_FIELD, REPORT_GROUP
from backend.dispatch.send import CelerySender, RedisSentJobs
from backend.domain.errors import ImpastoError
from backend.domain.requests import JobId
from backend.gateway.app import make_app, make_runner
from backend.gateway.image_door import ImageDoor, LocalImageDoor
from backend.gateway.metrics_door import MetricsDoor
from backend.gateway.readiness import Check
from backend.scheduling.gpu_pools import open_gpu_pool
from backend.scheduling.rules import FairRules
from backend.service.line import Line
from backend.service.ports import Clock
from backend.service.reports import Reports
from backend.service.turns import Turns
from backend.settings import Settings, setting_problems
from storage.signing import load_or_create_signing_keys

USAGE: Final = "usage: python -m backend gateway|dispatcher|migrate\n"

log = structlog.get_logger(__name__)


class CannotListen(Exception):
    """The gateway's address is taken, or none of this host's."""


def main() -> int:
    """Run the process named on the command line."""
    log_as_json()
    try:
        settings = Settings()
        match sys.argv[1:]:
            case ["gateway"]:
                asyncio.run(run_gateway(settings))
            case ["dispatcher"]:
                asyncio.run(run_dispatcher(settings))
            case ["migrate"]:
                upgrade(settings.database)
            case _:
                sys.stderr.write(USAGE)
                return 2
    except ValidationError as error:
        for name, problem in setting_problems(error):
            sys.stderr.write(f"{name} cannot be used: {problem}.\n")
        return 2
    except ImpastoError as error:
        sys.stderr.write(f"{error.code}: {error.message} {error.way_out}\n")
        return 4
    except CannotListen as error:
        sys.stderr.write(f"{error}\n")
        return 4
    return 0


async def run_gateway(settings: Settings) -> None:
    """Serve HTTP until SIGTERM.

    Raises:
        CannotListen: the address of the settings cannot be had.

    """
    async with (
        open_services(settings) as services,
        open_database(settings) as database,
        open_redis(settings) as redis,
    ):
        jobs = SqlJobStore(database=database)
        app = make_app(
            services=services,
            image_door=open_image_door(settings, database),
            metrics_door=open_metrics_door(settings, redis),
            readiness=(
                Check(name="database", probe=lambda: jobs.get(JobId("gen_none"))),
                Check(name="broker", probe=redis.ping),
            ),
            public_url=settings.public_url,
            trusted_proxies=settings.trusted_proxies,
        )
        runner = make_runner(app)
        await runner.setup()
        try:
            site = web.TCPSite(runner, settings.gateway_host, settings.gateway_port)
            try:
                await site.start()
            except OSError as error:
                raise CannotListen(
                    f"The gateway cannot listen on {settings.gateway_host}:{settings.gateway_port} "
                    f"({os.strerror(error.errno or 0)}). Set IMPASTO_GATEWAY_PORT to a free port."
                ) from error
            log.info("gateway_listens", host=settings.gateway_host, port=settings.gateway_port)
            await stop_signal().wait()
        finally:
            await runner.cleanup()


async def run_dispatcher(settings: Settings) -> None:
    """Dispatch until SIGTERM."""
    stop = stop_signal()
    async with open_dispatcher(settings, stop=stop) as dispatcher:
        await dispatcher.run(stop)


@asynccontextmanager
async def open_dispatcher(
    settings: Settings, *, rules: FairRules | None = None, stop: asyncio.Event | None = None
) -> AsyncIterator[Dispatcher]:
    """Open a dispatcher over the configured servers; `rules` are the settings' if not given.

    Waits for the database to tell the time, or for `stop`.

    Raises:
        Unavailable: no Redis-protocol server is configured.

    """
    async with open_database(settings) as database, open_redis(settings) as redis:
        clock = DatabaseClock(database=database)
        jobs = SqlJobStore(database=database)
        policies = make_policies(database, settings, clock=clock)
        outbox = Outbox(jobs=jobs, bus=(bus := open_bus(redis)))
        standings = make_standings(settings, database, redis, outbox, clock=clock)
        removals = make_removals(
            settings,
            database,
            stored=open_store(settings),
            clock=clock,
            likenesses=make_likenesses(database),
            previews=RedisPreviews(redis=redis),
        )
        dispatcher = Dispatcher(
            redis=redis,
            jobs=jobs,
            line=_make_line(settings, database, redis, clock, rules),
            reports=Reports(
                jobs=jobs,
                events=bus,
                outbox=outbox,
                clock=clock,
                child_safety=make_child_safety(settings, database, standings, clock=clock),
                cancel_flags=RedisCancelFlags(redis=redis),
                start_lease_s=settings.start_lease_s,
                progress_lease_s=settings.progress_lease_s,
            ),
            feed=open_feed(redis),
            sender=CelerySender(app=open_celery(settings.redis_url or "")),
            pool=open_gpu_pool("local", redis=redis),
            events=bus,
            outbox=outbox,
            outlooks=RedisOutlooks(redis=redis),
            gauges=(gauges := open_gauges(redis)),
            uploads=make_uploads(database, settings, policies, clock=clock),
            removals=removals,
            clock=clock,
        )
        async with (
            clock.kept(stop or asyncio.Event()),
            kept_up(database, settings, gauges, removals, clock=clock),
        ):
            yield dispatcher


def _make_line(
    settings: Settings, database: Database, redis: Redis, clock: Clock, rules: FairRules | None
) -> Line:
    jobs = SqlJobStore(database=database)
    policies = make_policies(database, settings, clock=clock)
    return Line(
        jobs=jobs,
        pictures=make_given_pictures(database, policies, clock=clock),
        sent=RedisSentJobs(redis=redis),
        policies=policies,
        open_turns=lambda family: Turns(
            family=family,
            jobs=jobs,
            documents=SqlQueueDocuments(database=database),
            clock=clock,
            rules=rules or FairRules(tiers=settings.tier_policies),
        ),
        clock=clock,
        dispatch_lease_s=settings.dispatch_lease_s,
    )


def open_feed(redis: Redis) -> GroupReader:
    """Open what workers report."""
    return GroupReader(
        redis=redis,
        stream=REPORT_STREAM,
        field=REPORT_FIELD,
        group=REPORT_GROUP,
        consumer=REPORT_CONSUMER,
    )


def open_image_door(settings: Settings, database: Database) -> ImageDoor | None:
    """Open the door to pictures in the local folder; an S3 server has its own."""
    if settings.s3_bucket is not None:
        return None
    return LocalImageDoor(
        objects=open_objects(settings),
        signing_keys=load_or_create_signing_keys(settings.signing_keys_file),
        withheld=SqlWithheldPictures(database=database),
        clock=now,
    )


def open_metrics_door(settings: Settings, redis: Redis) -> MetricsDoor:
    """Open the door to what is measured of the lines."""
    token = settings.metrics_token
    return MetricsDoor(
        gauges=open_gauges(redis),
        token=token.get_secret_value() if token else None,
        public_url=settings.public_url,
    )


def stop_signal() -> asyncio.Event:
    """Return an event that SIGTERM and SIGINT set."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    return stop


def log_as_json() -> None:
    """Write one JSON object a line to standard error."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.PrintLoggerFactory(file=cast("TextIO", LogStream(sys.stderr))),
    )


if __name__ == "__main__":
    sys.exit(main())
