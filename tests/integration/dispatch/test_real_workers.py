"""Dispatcher and real worker processes together: late decisions, and jobs to who is warm."""

import asyncio

from backend.contracts import ModelFamily, parse_presence, worker_key
from backend.domain.jobs import JobState
from tests.builders import a_spec
from tests.integration.dispatch.floor import Floor
from tests.integration.gpu_worker.conftest import (  # noqa: F401 - a fixture
    PATIENCE_S,
    StartWorker,
    start_worker,
)


async def says(floor: Floor, name: str, *, wants: int, adapters: tuple[str, ...] = ()) -> None:
    """Wait until a worker says this of itself."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            value = await floor.redis.get(worker_key(ModelFamily.SDXL, name))
            if value is not None:
                presence = parse_presence(value)
                if (presence.wants, presence.adapters) == (wants, adapters):
                    return
            await asyncio.sleep(0.02)


async def test_a_worker_in_the_middle_of_a_job_is_handed_no_other(
    floor: Floor,
    start_worker: StartWorker,  # noqa: F811 - the fixture
) -> None:
    jobs = [await floor.submit(spec=a_spec(steps=steps)) for steps in (2, 3, 2)]
    start_worker("w1", sleep_step_s=1)
    async with floor.running():
        await floor.reaches(jobs[0], JobState.RENDERING)
        # At the last step of the first the second is asked for, and then none.
        await floor.reaches(jobs[1], JobState.RENDERING)
        await says(floor, "w1", wants=0)
        await floor.is_told_its_place(jobs[2])
        assert (await floor.job(jobs[2])).is_waiting
        for job_id in jobs:
            assert (await floor.reaches(job_id, JobState.DELIVERED)).attempt == 1


async def test_jobs_go_to_the_worker_that_holds_their_adapter(
    floor: Floor,
    start_worker: StartWorker,  # noqa: F811 - the fixture
) -> None:
    fox = a_spec(adapters=("fox",), steps=1)
    for name in ("w1", "w2"):
        start_worker(name, sleep_step_s=0.05, sleep_adapter_s=0.2)
    async with floor.running():
        for name in ("w1", "w2"):
            await says(floor, name, wants=1)
        first = await floor.submit(spec=fox)
        await floor.reaches(first, JobState.DELIVERED)
        warm = await floor.drawn_by(first)
        cold = "w2" if warm == "w1" else "w1"
        drawn_by = []
        for _ in range(5):
            await says(floor, warm, wants=1, adapters=("fox",))
            job_id = await floor.submit(spec=fox)
            await floor.reaches(job_id, JobState.DELIVERED)
            drawn_by.append(await floor.drawn_by(job_id))
        assert drawn_by == [warm] * 5
        await says(floor, cold, wants=1)
        # Nobody waits for the warm one while another is free.
        long = await floor.submit(spec=a_spec(adapters=("fox",), steps=150))
        await floor.reaches(long, JobState.RENDERING)
        other = await floor.submit(spec=fox)
        await floor.reaches(other, JobState.DELIVERED)
        assert [await floor.drawn_by(job_id) for job_id in (long, other)] == [warm, cold]
