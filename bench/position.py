"""What it costs to say where a job stands among ten thousand, and writes bench/position.md.

    python bench/position.py [--jobs N]

The table, the line and the Valkey server are the production ones; only workers are missing. Beside
it stands what a queue in a broker offers: to read its list and look for the job.
"""

import argparse
import asyncio
import base64
import json
import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from redis.asyncio import Redis

from backend.bootstrap.opening import make_given_pictures, open_services
from backend.bootstrap.servers import now, open_database, open_redis
from backend.cli.stack import open_stack
from backend.contracts import BROKER_TRANSPORT_OPTIONS, queue_name
from backend.db.codecs import job_columns
from backend.db.sessions import Database
from backend.db.stores import SqlGuildPolicies, SqlJobStore, SqlQueueDocuments
from backend.db.tables import JobRow
from backend.delivery.outlooks import RedisOutlooks
from backend.dispatch.celery_app import open_celery
from backend.dispatch.send import CelerySender, RedisSentJobs
from backend.domain.families import ModelFamily
from backend.domain.jobs import Job
from backend.domain.prompts import PromptSpec, WeightedPart
from backend.domain.requests import AccountId, GenerationRequest, JobId, Requester, Surface
from backend.domain.tiers import Tier
from backend.service.given_pictures import GivenKeys
from backend.service.line import Line, message_of
from backend.service.policies import Policies
from backend.service.services import Services
from backend.service.turns import Turns
from backend.settings import Settings
from safety.policy import DEFAULT_POLICY

TABLE = Path(__file__).with_suffix(".md")
FAMILY = ModelFamily.SDXL
SLOTS = 8
ACCOUNTS = 400
READS, LOOKS = 400, 9
SCAN_KEY = "bench:list"


@dataclass(frozen=True, kw_only=True)
class Row:
    """One thing measured: seconds on the wall, and of this process's CPU."""

    what: str
    wall_s: list[float]
    cpu_s: list[float]

    def render(self) -> str:
        wall_ms = sorted(1000 * each for each in self.wall_s)
        p95 = wall_ms[min(len(wall_ms) - 1, int(0.95 * len(wall_ms)))]
        cpu_ms = 1000 * statistics.median(self.cpu_s)
        return (
            f"| {self.what} | {len(wall_ms)} | {wall_ms[0]:.2f} | {statistics.median(wall_ms):.2f} "
            f"| {p95:.2f} | {cpu_ms:.2f} |"
        )


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--jobs", type=int, default=10_000)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as home:
        settings = Settings().model_copy(
            update={"home": Path(home), "redis_url": None, "database_url": None, "s3_bucket": None}
        )
        with open_stack(settings) as stack:
            rows = asyncio.run(measure(stack.settings, arguments.jobs))
    text = render(rows, arguments.jobs)
    sys.stdout.write(text)
    TABLE.write_text(text, encoding="utf-8")
    return 0


async def measure(settings: Settings, count: int) -> list[Row]:
    async with (
        open_database(settings) as database,
        open_redis(settings) as redis,
        open_services(settings) as services,
    ):
        jobs = make_jobs(count)
        await fill(database, jobs)
        rows = await look_ahead(database, redis, jobs)
        rows += await read(services, redis, jobs)
        await fill_list(settings, redis, jobs)
        return [*rows, await scan(redis, jobs)]


def make_jobs(count: int) -> list[Job]:
    """Make waiting jobs of three tiers; a few accounts have many of them, most have few."""
    dice = random.Random(7)  # noqa: S311 - the same jobs each time
    weights = [1 / (rank + 1) for rank in range(ACCOUNTS)]
    began = datetime.now(UTC) - timedelta(seconds=count / 10)
    jobs = []
    for number in range(count):
        account = dice.choices(range(ACCOUNTS), weights)[0]
        tier = dice.choices(list(Tier), (15, 30, 55))[0]
        moment = began + timedelta(seconds=number / 10)
        jobs.append(a_waiting_job(number, AccountId(f"discord:{account}"), tier, moment))
    return jobs


def a_waiting_job(number: int, account: AccountId, tier: Tier, moment: datetime) -> Job:
    requester = Requester(account_id=account, surface=Surface.DISCORD)
    spec = PromptSpec(
        positive=(WeightedPart.plain("a fox in the snow, golden hour, detailed fur"),),
        tier=tier,
        family=FAMILY,
    )
    job_id = JobId(f"gen_{number:020x}")
    request = GenerationRequest(requester=requester, prompt="a fox in the snow")
    return Job(
        id=job_id, request=request, spec=spec, seed=number, created_at=moment, updated_at=moment
    )


async def fill(database: Database, jobs: list[Job]) -> None:
    async with database.write() as session:
        session.add_all(JobRow(**job_columns(job), fingerprint=job.id) for job in jobs)


async def look_ahead(database: Database, redis: Redis, jobs: list[Job]) -> list[Row]:
    """Measure what the dispatcher does: look at the table, run the line forward, tell it."""
    store = SqlJobStore(database=database)
    turns: list[Turns] = []

    def open_turns(family: ModelFamily) -> Turns:
        documents = SqlQueueDocuments(database=database)
        turns.append(Turns(family=family, jobs=store, documents=documents, clock=now))
        return turns[-1]

    policies = Policies(house=DEFAULT_POLICY, guilds=SqlGuildPolicies(database=database), clock=now)
    line = Line(
        jobs=store,
        pictures=make_given_pictures(database, policies, clock=now),
        sent=RedisSentJobs(redis=redis),
        policies=policies,
        open_turns=open_turns,
        clock=now,
    )
    outlooks = RedisOutlooks(redis=redis)
    told = await line.outlooks(FAMILY, SLOTS)
    assert len(told) == len(jobs)

    async def open_anew() -> None:
        await open_turns(FAMILY).look()

    async def look_anew() -> None:
        turns[0].forget_looks()
        await turns[0].look()

    async def recompute() -> None:
        turns[0].foresight(slots=SLOTS).look_ahead()

    async def gauge() -> None:
        await line.gauges(FAMILY, SLOTS)

    async def tell() -> None:
        await outlooks.tell(FAMILY, told)

    return [
        await timed("dispatcher: read the whole line, as a new leader", open_anew, 3),
        await timed("dispatcher: look at the whole line again, every 5 s", look_anew, LOOKS),
        await timed("dispatcher: run the line forward, all places and sentences", recompute, LOOKS),
        await timed("dispatcher: measure the line's gauges", gauge, LOOKS),
        await timed("dispatcher: tell all places to Valkey", tell, LOOKS),
    ]


async def read(services: Services, redis: Redis, jobs: list[Job]) -> list[Row]:
    """Measure what an asker does, with what was told and without, in turn."""
    outlooks = RedisOutlooks(redis=redis)
    dice = random.Random(8)  # noqa: S311 - the same jobs each time

    async def place() -> None:
        assert await outlooks.of(dice.choice(jobs)) is not None

    async def snapshot() -> None:
        assert (await services.generations.snapshot(dice.choice(jobs).id)).outlook is not None

    async def counted() -> None:
        view = await services.generations.snapshot(dice.choice(jobs).id)
        assert view.outlook is None
        assert view.position is not None

    rows = [
        await timed("asker: what was told (`Outlooks.of`)", place, READS),
        await timed("asker: the job and what was told (`Generations.snapshot`)", snapshot, READS),
    ]
    await redis.delete(f"impasto:outlooks:{FAMILY}")
    rows.append(await timed("asker: nobody dispatches, counted in the table", counted, READS))
    return rows


async def fill_list(settings: Settings, redis: Redis, jobs: list[Job]) -> None:
    """Put the same jobs into a list, as the messages that Celery would hold."""
    app = open_celery(settings.redis_url or "")
    first = message_of(jobs[0], GivenKeys())
    await CelerySender(app=app).send(first)
    prefix = BROKER_TRANSPORT_OPTIONS["global_keyprefix"]
    [raw] = await redis.lrange(f"{prefix}{queue_name(FAMILY, first.tier)}", 0, -1)
    app.close()
    envelope = json.loads(raw)
    body = json.loads(base64.b64decode(envelope["body"]))
    messages = []
    for job in jobs:
        body[0] = [message_of(job, GivenKeys()).model_dump(mode="json")]
        envelope["body"] = base64.b64encode(json.dumps(body).encode()).decode()
        messages.append(json.dumps(envelope))
    for start in range(0, len(messages), 500):
        await redis.rpush(SCAN_KEY, *messages[start : start + 500])


async def scan(redis: Redis, jobs: list[Job]) -> Row:
    dice = random.Random(9)  # noqa: S311 - the same jobs each time

    async def find() -> None:
        wanted = dice.choice(jobs).id
        for raw in await redis.lrange(SCAN_KEY, 0, -1):
            args, _, _ = json.loads(base64.b64decode(json.loads(raw)["body"]))
            if args[0]["job_id"] == wanted:
                return
        raise AssertionError(wanted)

    return await timed("for comparison: find the job in a broker's list", find, LOOKS)


async def timed(what: str, work: Callable[[], Awaitable[None]], times: int) -> Row:
    await work()
    wall_s, cpu_s = [], []
    for _ in range(times):
        wall, cpu = time.perf_counter(), time.process_time()
        await work()
        wall_s.append(time.perf_counter() - wall)
        cpu_s.append(time.process_time() - cpu)
    return Row(what=what, wall_s=wall_s, cpu_s=cpu_s)


def render(rows: list[Row], count: int) -> str:
    lines = [
        f"# Where a job stands, among {count:,}",
        "",
        f"`python bench/position.py --jobs {count}`: SQLite, an embedded Valkey, {SLOTS} slots,",
        f"{ACCOUNTS} accounts in three tiers. Milliseconds; `CPU` is the median of this process's",
        f"own. {os.cpu_count()} cores, load average {os.getloadavg()[0]:.1f} at the end.",
        "",
        "| what | times | least | median | p95 | CPU |",
        "|---|---|---|---|---|---|",
        *(row.render() for row in rows),
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
