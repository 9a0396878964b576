"""What waits for moderators is counted in the database and told in Valkey."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
from redis.asyncio import Redis

from backend.bootstrap.backlog import backlog_told
from backend.bootstrap.servers import open_database
from backend.db.migrate import upgrade
from backend.db.stores import SqlJobStore
from backend.delivery.gauges import BACKLOG_KEY, RedisGauges
from backend.domain.jobs import Block, JobState
from backend.domain.reviews import Backlog, BacklogKind
from backend.settings import Settings
from tests.builders import a_birth, a_job, at

BLOCK = Block(stage="image", outcome="block", category="nudity", rule="r")


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    async with Redis.from_url(redis_url) as client:
        yield client


class NotesTelling(RedisGauges):
    """Says when it has told."""

    def __init__(self, told: asyncio.Event, *, redis: Redis, leader_key: str) -> None:
        super().__init__(redis=redis, leader_key=leader_key)
        self._told = told

    async def tell_backlog(self, backlog: Sequence[Backlog]) -> None:
        await super().tell_backlog(backlog)
        self._told.set()


async def test_the_board_shows_what_is_held_and_what_another_release_tells_is_left_out(
    redis: Redis, tmp_path: Path
) -> None:
    settings = Settings(home=tmp_path)
    upgrade(settings.database)
    told = asyncio.Event()
    gauges = NotesTelling(told, redis=redis, leader_key="leader")
    assert (await gauges.read()).backlog == ()
    async with open_database(settings) as database:
        job = a_job(state=JobState.BLOCKED, block=BLOCK, created_at=at(0))
        await SqlJobStore(database=database).add(a_birth(job), fingerprint="f")
        async with backlog_told(database, gauges, clock=lambda: at(60)):
            async with asyncio.timeout(20):
                await told.wait()
    board = await gauges.read()
    assert board.backlog == tuple(
        Backlog(kind=kind, open=1, oldest_s=60.0)
        if kind is BacklogKind.HELD
        else Backlog(kind=kind)
        for kind in BacklogKind
    )
    assert 0 < await redis.ttl(BACKLOG_KEY) <= 120
    await redis.set(BACKLOG_KEY, '[{"kind": "unheard of"}]')
    assert (await gauges.read()).backlog == ()
