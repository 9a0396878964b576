"""One dispatcher leads, the others wait for their turn."""

from contextlib import AsyncExitStack

from structlog.testing import capture_logs

from backend.contracts import REPORT_STREAM
from backend.dispatch.leader import ALIVE_KEY, LEADER_KEY, LeaderLock
from backend.dispatch.receive import REPORT_CONSUMER, REPORT_GROUP
from backend.domain.jobs import JobState
from tests.integration.dispatch.floor import Floor, eventually, finished


async def test_only_one_holds_the_lock(floor: Floor) -> None:
    first, second = LeaderLock(redis=floor.redis), LeaderLock(redis=floor.redis)
    assert await first.acquire()
    assert await first.acquire()
    assert not await second.acquire()
    await second.release()
    assert not await second.acquire()
    await first.release()
    assert await second.acquire()


async def test_a_standby_takes_over_when_the_leader_has_vanished(floor: Floor) -> None:
    vanished = LeaderLock(redis=floor.redis, ttl_s=0.5)
    assert await vanished.acquire()
    await floor.announce()
    job_id = await floor.submit()
    async with floor.running():
        assert (await floor.job(job_id)).is_waiting
        assert [m.job_id for m in await floor.is_queued(1)] == [job_id]


async def test_a_standby_takes_over_when_the_leader_stops(floor: Floor) -> None:
    await floor.announce()
    async with AsyncExitStack() as first:
        await first.enter_async_context(floor.running())
        await eventually(lambda: floor.redis.exists(LEADER_KEY))
        leader = await floor.redis.get(LEADER_KEY)
        async with floor.running():
            assert await floor.redis.get(LEADER_KEY) == leader
            await first.aclose()
            job_id = await floor.submit()
            assert [m.job_id for m in await floor.is_queued(1)] == [job_id]
            assert await floor.redis.get(LEADER_KEY) != leader
    assert not await floor.redis.exists(LEADER_KEY, ALIVE_KEY)


async def test_a_leader_that_lost_its_lock_stops_dispatching(floor: Floor) -> None:
    await floor.announce()
    with capture_logs() as logs:
        async with floor.running():
            await eventually(lambda: floor.redis.exists(ALIVE_KEY))
            await floor.redis.set(LEADER_KEY, b"somebody else")

            async def has_stopped() -> bool:
                return any(entry["event"] == "dispatcher_stopped_leading" for entry in logs)

            await eventually(has_stopped)
            job_id = await floor.submit()
            assert await floor.redis.get(LEADER_KEY) == b"somebody else"
            assert (await floor.job(job_id)).is_waiting
            await floor.redis.delete(LEADER_KEY)
            assert [m.job_id for m in await floor.is_queued(1)] == [job_id]


async def test_who_leads_again_finds_at_once_what_another_leader_had_in_hand(floor: Floor) -> None:
    await floor.announce()
    job_id = await floor.submit()
    with capture_logs() as logs:
        async with floor.running():
            message = await floor.take()
            await floor.redis.set(LEADER_KEY, b"somebody else")

            async def has_stopped() -> bool:
                return any(entry["event"] == "dispatcher_stopped_leading" for entry in logs)

            await eventually(has_stopped)
            await floor.report(finished(message))
            # The other leader reads the report, and dies before it has applied it.
            await floor.redis.xreadgroup(REPORT_GROUP, REPORT_CONSUMER, {REPORT_STREAM: ">"})
            floor.skip(3600)
            await floor.redis.delete(LEADER_KEY)
            job = await floor.reaches(job_id, JobState.DELIVERED)
    assert job.attempt == 1


async def test_two_leaders_for_a_moment_send_a_job_once(floor: Floor) -> None:
    await floor.announce(slots=10)
    async with floor.running():
        await eventually(lambda: floor.redis.exists(LEADER_KEY))
        # The server forgets the leader: a second one may lead before the first has noticed.
        await floor.redis.delete(LEADER_KEY)
        async with floor.running():
            jobs = [await floor.submit() for _ in range(10)]
            messages = await floor.is_queued(10)
    assert sorted(m.job_id for m in messages) == sorted(jobs)
    assert {m.attempt for m in messages} == {1}
