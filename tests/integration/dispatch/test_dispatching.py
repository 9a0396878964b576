"""From the table to the worker queues and back."""

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError

from backend.contracts import REPORT_STREAM
from backend.dispatch.celery_app import open_celery
from backend.dispatch.leader import ALIVE_KEY
from backend.dispatch.loop import Rhythm
from backend.dispatch.send import CelerySender
from backend.domain.jobs import JobState
from backend.domain.tiers import Tier
from tests.fakes.servers import ValkeyServer, free_port
from tests.integration.dispatch.floor import Floor, eventually, finished, started


async def test_one_job_a_slot_is_sent_each_to_the_queue_of_its_tier(floor: Floor) -> None:
    fast = [await floor.submit() for _ in range(2)]
    relax = await floor.submit(tier=Tier.RELAX)
    await floor.announce(slots=3)
    async with floor.running():
        assert [m.job_id for m in await floor.is_queued(2, Tier.FAST)] == fast
        assert [m.job_id for m in await floor.is_queued(1, Tier.RELAX)] == [relax]
        late = await floor.submit()
        await floor.is_told_its_place(late)
    assert await floor.queued(Tier.TURBO) == []
    assert (await floor.job(late)).is_waiting


async def test_who_waits_is_told_where_it_stands_also_without_a_worker(floor: Floor) -> None:
    job_id = await floor.submit()
    async with floor.running():
        outlook = await floor.is_told_its_place(job_id)
        assert outlook.why == "No sdxl worker is there right now; it begins when one comes."


async def test_without_a_live_worker_jobs_stay_in_the_table(floor: Floor) -> None:
    job_id = await floor.submit()
    async with floor.running():
        await eventually(lambda: floor.redis.exists(ALIVE_KEY))
        assert (await floor.job(job_id)).is_waiting
        await floor.announce()
        assert [m.job_id for m in await floor.is_queued(1)] == [job_id]


async def test_a_new_job_is_sent_without_waiting_for_the_tick(floor: Floor) -> None:
    rhythm = Rhythm(tick_s=600)
    await floor.announce(slots=2)
    async with floor.running(floor.dispatcher(rhythm=rhythm)):
        # The first one shows that the dispatcher listens.
        await floor.submit()
        await floor.is_queued(1)
        await floor.submit()
        await floor.is_queued(2)


async def test_a_drawing_is_delivered_and_makes_room_for_the_next(floor: Floor) -> None:
    jobs = [await floor.submit() for _ in range(5)]
    await floor.announce()
    async with floor.running():
        for job_id in jobs:
            message = await floor.take()
            assert message.job_id == job_id
            await floor.draw(message)
        for job_id in jobs:
            await floor.reaches(job_id, JobState.DELIVERED)
    kinds = await floor.told(jobs[0])
    assert kinds == ["queued", "dispatched", "started", "progress", "delivered"]


async def test_the_same_reports_twice_deliver_once(floor: Floor) -> None:
    job_id = await floor.submit()
    await floor.announce()
    async with floor.running():
        message = await floor.take()
        await floor.draw(message)
        await floor.draw(message)
        job = await floor.reaches(job_id, JobState.DELIVERED)
        await eventually(lambda: _is_empty(floor, REPORT_STREAM))
    assert await floor.job(job_id) == job
    assert (await floor.told(job_id)).count("delivered") == 1


async def test_a_malformed_report_does_not_hold_up_the_next(floor: Floor) -> None:
    job_id = await floor.submit()
    await floor.announce()
    async with floor.running():
        message = await floor.take()
        await floor.redis.xadd(REPORT_STREAM, {"report": b'{"kind":"render_nonsense"}'})
        await floor.redis.xadd(REPORT_STREAM, {"something": b"else"})
        await floor.report(finished(message))
        await floor.reaches(job_id, JobState.DELIVERED)
        await eventually(lambda: _is_empty(floor, REPORT_STREAM))


async def test_reports_sent_while_no_dispatcher_ran_count_before_any_lease_ends(
    floor: Floor,
) -> None:
    job_id = await floor.submit()
    await floor.announce()
    async with floor.running():
        message = await floor.take()
    await floor.draw(message)
    floor.skip(3600)
    async with floor.running():
        job = await floor.reaches(job_id, JobState.DELIVERED)
    assert job.attempt == 1


async def test_a_job_whose_worker_died_is_sent_again(floor: Floor) -> None:
    job_id = await floor.submit()
    await floor.announce()
    async with floor.running():
        first = await floor.take()
        await floor.report(started(first))
        await floor.reaches(job_id, JobState.RENDERING)
        floor.skip(61)
        second = await floor.take()
        assert (second.job_id, second.attempt) == (job_id, 2)
        await floor.report(finished(first))
        await floor.draw(second)
        job = await floor.reaches(job_id, JobState.DELIVERED)
    assert (job.attempt, job.losses) == (2, 1)


async def test_a_message_lost_on_its_way_is_sent_again_and_the_old_one_void(floor: Floor) -> None:
    job_id = await floor.submit()
    await floor.announce()
    async with floor.running():
        (lost,) = await floor.is_queued(1)
        await floor.redis.delete("impasto:celery:sdxl.fast")
        floor.skip(61)
        message = await floor.take()
        assert message.attempt == 2
    assert await floor.redis.exists(f"impasto:claim:{job_id}:{lost.attempt}")
    assert (await floor.job(job_id)).losses == 0


async def test_a_message_that_waits_long_for_a_busy_worker_is_sent_once(floor: Floor) -> None:
    job_id = await floor.submit()
    await floor.announce()
    async with floor.running():
        await floor.is_queued(1)
        floor.skip(61)

        async def is_renewed() -> bool:
            lease = (await floor.job(job_id)).lease
            return lease is not None and lease.until > floor.now()

        await eventually(is_renewed)
    assert [m.attempt for m in await floor.queued()] == [1]


async def test_events_of_a_process_that_died_after_its_commit_are_told(floor: Floor) -> None:
    job_id = await floor.submit(is_told=False)
    floor.skip(3)
    async with floor.running():
        await eventually(lambda: floor.told(job_id))
    assert await floor.told(job_id) == ["queued"]
    assert await floor.jobs.unpublished(10) == []


async def test_a_wiped_valkey_costs_time_and_no_job(floor: Floor) -> None:
    jobs = [await floor.submit() for _ in range(3)]
    await floor.announce()
    async with floor.running():
        drawing = await floor.take()
        await floor.report(started(drawing))
        await floor.reaches(jobs[0], JobState.RENDERING)
        await floor.redis.flushall()
        await floor.announce()
        floor.skip(61)
        drawn = set()
        while drawn != set(jobs):
            message = await floor.take()
            await floor.draw(message)
            await floor.reaches(message.job_id, JobState.DELIVERED)
            drawn.add(message.job_id)
    assert [(await floor.job(job_id)).losses for job_id in jobs] == [1, 0, 0]


async def test_a_valkey_that_dies_and_comes_back_empty_costs_no_job(
    own_floor: Floor, valkey_server: ValkeyServer
) -> None:
    floor = own_floor
    job_id = await floor.submit()
    await floor.announce()
    async with floor.running():
        await floor.is_queued(1)
        valkey_server.kill()
        with pytest.raises(RedisConnectionError):
            await floor.redis.ping()
        valkey_server.start()
        await floor.announce()
        floor.skip(61)
        await floor.draw(await floor.take())
        await floor.reaches(job_id, JobState.DELIVERED)


async def test_a_job_that_cannot_be_sent_stays_in_line(floor: Floor) -> None:
    job_id = await floor.submit()
    await floor.announce()
    nowhere = open_celery(f"redis://127.0.0.1:{free_port()}/0")
    async with floor.running(floor.dispatcher(sender=CelerySender(app=nowhere))):

        async def was_returned() -> bool:
            return "returned" in await floor.told(job_id)

        await eventually(was_returned)
    nowhere.close()
    job = await floor.job(job_id)
    assert job.losses == 0
    async with floor.running():
        message = await floor.take()
        await floor.draw(message)
        await floor.reaches(job_id, JobState.DELIVERED)


async def _is_empty(floor: Floor, stream: str) -> bool:
    return await floor.redis.xlen(stream) == 0
