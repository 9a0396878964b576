"""Real processes for measurements: workers that sleep, and a production dispatcher of any rules."""

import asyncio
import json
import sqlite3
import sys
from contextlib import asynccontextmanager, contextmanager
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

from redis import Redis

from backend.__main__ import open_dispatcher
from backend.bootstrap.servers import now, open_bus, open_database, open_redis
from backend.cli.drill.telling import log_to
from backend.cli.stack import open_stack
from backend.cli.supervisor import Program
from backend.contracts import worker_key
from backend.db.migrate import upgrade
from backend.db.stores import SqlJobStore
from backend.delivery.outbox import Outbox
from backend.domain.events import JobEvent, JobEventKind
from backend.domain.families import ModelFamily
from backend.domain.jobs import Change, Job
from backend.domain.prompts import PromptSpec, WeightedPart
from backend.domain.requests import AccountId, GenerationRequest, Requester, Surface
from backend.domain.tiers import Tier
from backend.service.generations import new_job_id
from backend.settings import Settings

FAMILY = ModelFamily.SDXL
STEPS = 4
PATIENCE_S = 300.0
# Nothing is lost here: on a busy machine a short lease would only send jobs twice.
PATIENT_LEASES = dict.fromkeys(("dispatch_lease_s", "start_lease_s", "progress_lease_s"), 60.0)


@contextmanager
def open_house(home: Path, *, workers: int, job_s: float):
    """Start Valkey and the workers, and wait until all workers are there."""
    settings = Settings(home=home, families=(FAMILY,))
    with open_stack(settings) as stack, log_to(home / "logs" / "bench.log"):
        for number in range(workers):
            stack.supervisor.start(
                Program(
                    name=f"worker-{number}",
                    argv=(
                        *(sys.executable, "-m", "gpu_worker"),
                        *("--family", FAMILY.value, "--name", f"worker-{number}"),
                    ),
                    env={
                        "IMPASTO_ENGINE": "sleeping",
                        "IMPASTO_SLEEP_STEP_S": str(job_s / STEPS),
                        "IMPASTO_SLEEP_STEPS": str(STEPS),
                        "IMPASTO_THREADS": "1",
                    },
                )
            )

        def are_there() -> bool:
            with Redis.from_url(stack.redis_url) as client:
                found = sum(1 for _ in client.scan_iter(match=worker_key(FAMILY, "*")))
            return found >= workers

        stack.wait_until(are_there, "All workers")
        yield stack


class Seen(NamedTuple):
    """A job, and when something happened to it."""

    job_id: str
    tier: str
    account: str
    created: str
    at: str
    result: str | None

    @property
    def waited_s(self) -> float:
        return moment(self.at) - moment(self.created)

    @property
    def denoise_s(self) -> float:
        return json.loads(self.result)["timings"]["denoise_s"]


class Run:
    """One database under a dispatcher of its own, over the workers of the house."""

    def __init__(self, jobs, outbox, file: Path) -> None:
        self._jobs = jobs
        self._outbox = outbox
        self._file = file

    async def submit(self, account: str, tier: Tier, count: int) -> None:
        """Put jobs in line as the gateway does once it has screened their prompt."""
        requester = Requester(account_id=AccountId(account), surface=Surface.COMMAND_LINE)
        words = (WeightedPart.plain("a fox"),)
        for _ in range(count):
            at = now()
            job = Job(
                id=new_job_id(),
                request=GenerationRequest(requester=requester, prompt="a fox"),
                spec=PromptSpec(positive=words, family=FAMILY, tier=tier, image_count=1),
                seed=7,
                created_at=at,
                updated_at=at,
            )
            born = JobEvent(job_id=job.id, kind=JobEventKind.QUEUED, attempt=0, at=at)
            await self._jobs.add(Change(job=job, event=born), fingerprint=job.id)
        await self._outbox.publish_pending()

    def rows(self, sql: str):
        with sqlite3.connect(f"file:{self._file}?mode=ro", uri=True) as database:
            return database.execute(sql).fetchall()

    def order(self, kind: str) -> list["Seen"]:
        """Return when jobs first had an event of a kind, in order."""
        seen = self.rows(
            "SELECT jobs.id, tier, account_id, created_at, min(at), result FROM job_events "  # noqa: S608
            "JOIN jobs ON jobs.id = job_events.job_id "
            f"WHERE kind = '{kind}' GROUP BY jobs.id ORDER BY min(job_events.sequence)"
        )
        return [Seen(*row) for row in seen]

    async def until_begun(self, count: int, *, whose: str = "%") -> None:
        counted = (
            "SELECT count(DISTINCT jobs.id) FROM job_events JOIN jobs ON jobs.id = job_id "  # noqa: S608
            f"WHERE kind = 'started' AND account_id LIKE '{whose}'"
        )
        await self._until(lambda: self.rows(counted)[0][0] >= count)

    async def drain(self) -> None:
        """Take what still waits out of the line, and let what was handed out end."""
        # In a thread: who holds the lock it waits for needs this one to go on.
        await asyncio.to_thread(self._empty_the_line)
        open_jobs = "SELECT 1 FROM jobs WHERE state IN ('queued', 'rendering')"
        await self._until(lambda: not self.rows(open_jobs))

    def _empty_the_line(self) -> None:
        with sqlite3.connect(self._file, timeout=PATIENCE_S) as database:
            database.execute(
                "UPDATE jobs SET state = 'cancelled' WHERE state = 'queued' AND lease_until IS NULL"
            )

    async def _until(self, holds) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not holds():  # noqa: ASYNC110 - what is waited for lies in a database
                await asyncio.sleep(0.5)


@asynccontextmanager
async def open_run(stack, name: str):
    file = stack.settings.home / f"{name}.db"
    settings = stack.settings.model_copy(
        update={"database_url": f"sqlite+aiosqlite:///{file}", **PATIENT_LEASES}
    )
    upgrade(settings.database)
    async with open_database(settings) as database, open_redis(settings) as redis:
        jobs = SqlJobStore(database=database)
        yield settings, Run(jobs, Outbox(jobs=jobs, bus=open_bus(redis)), file)


@asynccontextmanager
async def dispatching(settings, rules):
    stop = asyncio.Event()
    async with open_dispatcher(settings, rules=rules) as dispatcher:
        task = asyncio.create_task(dispatcher.run(stop))
        try:
            yield
        finally:
            stop.set()
            await task


def moment(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
