"""Workers ask, and are handed what they asked for: over the table, Valkey and Celery's lists."""

import asyncio

from backend.contracts import WORKER_KEYS, worker_key
from backend.dispatch.leader import ALIVE_KEY
from backend.dispatch.loop import Rhythm
from backend.domain.families import ModelFamily
from backend.domain.jobs import JobState
from backend.scheduling.gpu_pools import open_gpu_pool
from tests.builders import a_spec
from tests.integration.dispatch.floor import Floor, eventually, started

FOX = a_spec(adapters=("fox",))


async def test_nobody_is_handed_a_job_before_it_asks(floor: Floor) -> None:
    job_id = await floor.submit()
    await floor.present("w1", wants=0)
    async with floor.running():
        await floor.is_told_its_place(job_id)
        assert (await floor.job(job_id)).is_waiting
        await floor.present("w1", wants=1)
        assert [m.job_id for m in await floor.is_queued(1)] == [job_id]


async def test_a_nudge_makes_the_dispatcher_look_at_once(floor: Floor) -> None:
    job_id = await floor.submit()
    await floor.present("w1", wants=0)
    async with floor.running(floor.dispatcher(rhythm=Rhythm(tick_s=600))):
        await floor.is_told_its_place(job_id)
        await floor.present("w1", wants=1, is_nudging=True)
        assert [m.job_id for m in await floor.is_queued(1)] == [job_id]


async def test_a_lost_nudge_costs_no_more_than_a_tick(floor: Floor) -> None:
    job_id = await floor.submit()
    await floor.present("w1", wants=0)
    async with floor.running(floor.dispatcher(rhythm=Rhythm(tick_s=0.5))):
        await floor.is_told_its_place(job_id)
        await floor.present("w1", wants=1)
        assert [m.job_id for m in await floor.is_queued(1)] == [job_id]


async def test_another_dispatcher_counts_what_the_last_one_has_sent(floor: Floor) -> None:
    first = await floor.submit()
    await floor.present("w1", wants=1)
    async with floor.running():
        await floor.is_queued(1)
    second = await floor.submit()
    async with floor.running():
        await floor.is_told_its_place(second)
        assert [m.job_id for m in await floor.queued()] == [first]
        message = await floor.take()
        await floor.present("w1", wants=0)
        await floor.report(started(message))
        await floor.reaches(first, JobState.RENDERING)
        await floor.present("w1", wants=1)
        assert [m.job_id for m in await floor.is_queued(1)] == [second]


async def test_a_warm_job_goes_to_the_queue_of_the_worker_that_holds_its_adapters(
    floor: Floor,
) -> None:
    warm = await floor.submit(spec=FOX)
    plain = await floor.submit()
    await floor.present("w1", wants=1)
    await floor.present("w2", wants=1, adapters=("fox", "owl"))
    async with floor.running():
        assert [m.job_id for m in await floor.is_queued(1)] == [plain]
        (message,) = await floor.queued_for("w2")
    assert (message.job_id, message.adapters) == (warm, ("fox",))


async def test_what_lies_in_the_queue_of_a_worker_that_is_gone_comes_back_to_all(
    floor: Floor,
) -> None:
    warm = await floor.submit(spec=FOX)
    await floor.present("ghost", wants=1, adapters=("fox",))
    async with floor.running():
        await eventually(lambda: floor.queued_for("ghost"))
        await floor.redis.delete(worker_key(ModelFamily.SDXL, "ghost"))
        await floor.present("w1", wants=1)
        floor.skip(61)
        (message,) = await floor.is_queued(1)
        assert (message.job_id, message.attempt) == (warm, 2)
        assert await floor.queued_for("ghost") == []
    assert await floor.redis.exists(f"impasto:claim:{warm}:1")
    assert (await floor.job(warm)).losses == 0


async def test_a_worker_that_is_there_and_does_not_take_its_own_is_passed_over_for_a_while(
    floor: Floor,
) -> None:
    warm = await floor.submit(spec=FOX)
    await floor.present("deaf", wants=1, adapters=("fox",))
    async with floor.running():
        await eventually(lambda: floor.queued_for("deaf"))
        floor.skip(61)
        (message,) = await floor.is_queued(1)
    assert (message.job_id, message.attempt) == (warm, 2)


async def test_the_pool_reads_workers_of_this_release_and_of_the_last(floor: Floor) -> None:
    pool = open_gpu_pool("local", redis=floor.redis)
    assert await pool.workers() == []
    await floor.present("new:one", wants=1, adapters=("fox",))
    await floor.redis.set(worker_key(ModelFamily.FLUX, "old"), 2)
    await floor.redis.set(worker_key(ModelFamily.SDXL, "odd"), "a riddle")
    await floor.redis.set(WORKER_KEYS.replace("*", "cubism:x"), 1)
    pool = open_gpu_pool("local", redis=floor.redis)
    new, old = sorted(await pool.workers(), key=lambda worker: worker.name)
    assert (new.name, new.family, new.wants, new.adapters) == (
        "new:one",
        ModelFamily.SDXL,
        1,
        frozenset({"fox"}),
    )
    assert new.has_own_queue
    assert (old.family, old.slots, old.wants, old.has_own_queue) == (ModelFamily.FLUX, 2, 2, False)
    await floor.present("new:one", wants=0)
    assert [worker.wants for worker in await pool.workers() if worker.name == "new:one"] == [0]
    await floor.redis.delete(worker_key(ModelFamily.SDXL, "new:one"))
    assert [worker.name for worker in await pool.workers()] == ["old"]


async def test_dispatching_goes_on_while_looking_ahead_takes_long(
    floor: Floor, monkeypatch
) -> None:
    began, may_end = asyncio.Event(), asyncio.Event()
    dispatcher = floor.dispatcher()

    async def outlooks(*_: object):
        began.set()
        await may_end.wait()
        return {}

    monkeypatch.setattr("backend.service.line.Line.outlooks", outlooks)
    async with floor.running(dispatcher):
        await eventually(lambda: floor.redis.exists(ALIVE_KEY))
        await began.wait()
        job_id = await floor.submit()
        await floor.present("w1", wants=1)
        assert [m.job_id for m in await floor.is_queued(1)] == [job_id]
        may_end.set()
