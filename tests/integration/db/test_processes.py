"""Several processes at one database."""

import multiprocessing

from backend.db.sessions import Database
from backend.db.stores import SqlJobStore
from tests.builders import a_birth, a_job, at
from tests.integration.db.processes import PROCESSES, at_once, beat_and_dispatch

JOBS = 15


async def test_processes_lose_no_change_and_never_dispatch_a_job_twice(
    database: Database, database_url: str
):
    store = SqlJobStore(database=database)
    begun, *waiting = [
        (await store.add(a_birth(a_job()), fingerprint="f")).id for _ in range(JOBS + 1)
    ]
    await store.change(begun, lambda job: job.dispatch(now=at(1), until=at(60)))
    await store.change(begun, lambda job: job.start(attempt=1, worker="w", now=at(1), until=at(60)))
    wins = multiprocessing.get_context("spawn").SimpleQueue()
    assert at_once(beat_and_dispatch, database_url, begun, waiting, wins) == [0] * PROCESSES
    assert sum(wins.get() for _ in range(PROCESSES)) == JOBS
    wins.close()
    job = await store.get(begun)
    assert job is not None
    assert job.progress is not None
    assert job.progress.step == PROCESSES * JOBS
