"""Moderation as wired in production, in a process that is killed at its n-th step.

A step is whatever leaves a trace outside the process: a change to the object store, a commit, a
command to Valkey. Killed just before step n, everything up to n - 1 is done and nothing after it.
"""

import asyncio
import multiprocessing
import os
import signal
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from redis.asyncio import Redis
from sqlalchemy import event

from backend.bootstrap import images
from backend.bootstrap.audit import make_audit_seal
from backend.bootstrap.checks import share_lists
from backend.bootstrap.moderation import make_moderation, make_standings
from backend.bootstrap.provenance import make_likenesses
from backend.bootstrap.servers import open_bus
from backend.db.audit_seal import AuditSeal
from backend.db.sessions import Database
from backend.db.stores import SqlJobStore
from backend.delivery.cancel_flags import RedisCancelFlags
from backend.delivery.outbox import Outbox
from backend.delivery.previews import RedisPreviews
from backend.dispatch.periodic import Reconciler
from backend.domain.requests import AccountId
from backend.domain.reviews import ReviewId
from backend.service.reports import Reports
from backend.service.services import Moderation
from backend.settings import Settings
from storage.object_store import ObjectStore
from tests.builders import a_requester, at

LIVES_NO_LONGER_THAN_S: Final = 60
_FORK = multiprocessing.get_context("forkserver")
# What is imported once is there in every process that is killed.
_FORK.set_forkserver_preload([__name__])


class Steps:
    """Counts, and dies before the step it was told."""

    def __init__(self, dies_before: int) -> None:
        self._left = dies_before
        self._lock = threading.Lock()

    def take(self, *_: object) -> None:
        """Take one more, or none ever again."""
        with self._lock:
            self._left -= 1
            if self._left == 0:
                os.kill(os.getpid(), signal.SIGKILL)


class StruckObjects:
    """The object store of the installation; each call that changes it is a step."""

    def __init__(self, inner: ObjectStore, steps: Steps) -> None:
        self._inner = inner
        self._steps = steps

    def __getattr__(self, name: str) -> Any:
        if name in ("put", "delete"):
            self._steps.take()
        return getattr(self._inner, name)


class StruckRedis(Redis):
    """A client whose every command is a step."""

    steps: Steps

    async def execute_command(self, *args: Any, **options: Any) -> Any:
        self.steps.take()
        return await super().execute_command(*args, **options)


@dataclass(frozen=True, kw_only=True)
class House:
    """What a process has open."""

    home: Path
    database: Database
    jobs: SqlJobStore
    redis: Redis
    moderation: Moderation
    outbox: Outbox
    reconciler: Reconciler
    reports: Reports
    seal: AuditSeal


MODERATOR = a_requester("mod", is_moderator=True)
Deed = Callable[[House], Awaitable[object]]


@asynccontextmanager
async def open_house(
    home: Path, redis_url: str, steps: Steps | None = None
) -> AsyncIterator[House]:
    """Open everything over one home, as a start of the house does."""
    settings = Settings(home=home, database_url=None)
    database = Database(settings.database)
    redis = Redis.from_url(redis_url)
    if steps is not None:
        struck = StruckRedis.from_url(redis_url)
        struck.steps = steps
        redis = struck
        event.listen(database._writer.sync_engine, "commit", steps.take)
    jobs = SqlJobStore(database=database)
    bus = open_bus(redis)
    outbox = Outbox(jobs=jobs, bus=bus)
    standings = make_standings(settings, database, redis, outbox, clock=_now)
    lists = share_lists(settings)
    moderation = make_moderation(
        settings,
        database,
        standings,
        outbox,
        lists,
        make_likenesses(database),
        RedisPreviews(redis=redis),
        _now,
    )
    try:
        yield House(
            home=home,
            database=database,
            jobs=jobs,
            redis=redis,
            moderation=moderation,
            outbox=outbox,
            reconciler=Reconciler(
                # Nothing is known of workers here, so nothing is taken from them.
                line=None,  # type: ignore[arg-type]
                heard_until=lambda: None,
                jobs=jobs,
                outbox=outbox,
                removals=moderation.removals,
                clock=lambda: at(3600),
            ),
            reports=Reports(
                jobs=jobs,
                events=bus,
                outbox=outbox,
                cancel_flags=RedisCancelFlags(redis=redis),
                clock=_now,
            ),
            seal=make_audit_seal(database, settings),
        )
    finally:
        await redis.aclose()
        await database.close()


def kill_before(step: int, deed: Deed, home: Path, redis_url: str) -> bool:
    """Do something in a process that dies before that step; say whether it died, not ended."""
    process = _FORK.Process(target=_live, args=(step, deed, home, redis_url))
    process.start()
    process.join(LIVES_NO_LONGER_THAN_S)
    if process.is_alive():
        process.kill()
        raise AssertionError(f"step {step} hangs")
    assert process.exitcode in (0, -signal.SIGKILL), f"step {step}: {process.exitcode}"
    return process.exitcode != 0


async def remove(review_id: ReviewId, house: House) -> None:
    """Remove everywhere what a review is of."""
    await house.moderation.reviews.remove(review_id, MODERATOR, reason="not theirs")


async def overturn(review_id: ReviewId, house: House) -> None:
    """Grant an appeal."""
    await house.moderation.reviews.release(review_id, MODERATOR, reason="a mistake")


async def ban(account_id: AccountId, house: House) -> None:
    """Ban whoever it is."""
    await house.moderation.standings.ban(account_id, reason="enough", by=MODERATOR)


def _now() -> datetime:
    return at(600)


def _live(step: int, deed: Deed, home: Path, redis_url: str) -> None:
    steps = Steps(step)
    open_objects = images.open_objects
    images.open_objects = lambda settings: StruckObjects(open_objects(settings), steps)
    asyncio.run(_do(steps, deed, home, redis_url))


async def _do(steps: Steps, deed: Deed, home: Path, redis_url: str) -> None:
    async with open_house(home, redis_url, steps) as house:
        await deed(house)
