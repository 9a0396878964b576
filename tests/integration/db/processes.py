"""What other processes do to the database in these tests."""

import asyncio
import multiprocessing
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.synchronize import Barrier
from typing import Any

from backend.db.migrate import upgrade
from backend.db.sessions import Database
from backend.db.stores import SqlJobStore
from backend.domain.jobs import Change, IllegalTransition, Job, Progress
from backend.domain.requests import JobId
from tests.builders import at

PROCESSES = 3


def at_once(target: Callable[..., Any], *arguments: Any) -> list[int | None]:
    """Run the function in several processes that start together; return their exit codes."""
    # Not fork: pytest's own threads and connections must not be inherited.
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(PROCESSES)
    processes = [
        context.Process(target=target, args=(barrier, *arguments)) for _ in range(PROCESSES)
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join(timeout=120)
        if process.is_alive():
            process.kill()
    return [process.exitcode for process in processes]


def migrate(barrier: Barrier, url: str) -> None:
    barrier.wait(60)
    upgrade(url)


def beat_and_dispatch(
    barrier: Barrier, url: str, begun: JobId, waiting: list[JobId], wins: Any
) -> None:
    barrier.wait(60)
    wins.put(asyncio.run(_beat_and_dispatch(url, begun, waiting)))


async def _beat_and_dispatch(url: str, begun: JobId, waiting: list[JobId]) -> int:
    database = Database(url)
    store = SqlJobStore(database=database)
    wins = 0
    for job_id in waiting:
        await store.change(begun, _one_step_more)
        with suppress(IllegalTransition):
            await store.change(job_id, lambda job: job.dispatch(now=at(1), until=at(60)))
            wins += 1
    await database.close()
    return wins


def _one_step_more(job: Job) -> Change:
    step = 1 + (job.progress.step if job.progress else 0)
    progress = Progress(step=step, steps=1000)
    return job.beat(attempt=1, worker="w", progress=progress, now=at(2), until=at(60))
