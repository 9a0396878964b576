"""Waiting for one job, over in-memory twins."""

import asyncio

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError

from backend.cli.wait import ServerEnded, ask, wait
from backend.domain.families import ModelFamily
from backend.domain.jobs import Job, JobState
from tests.builders import a_request
from tests.fakes.services import FakeWorkshop


class Processes:
    """Stands in for the processes of a box, whose server is away."""

    def __init__(self, *, has_lost_server: bool = False) -> None:
        self.supervisor = self
        self._has_lost_server = has_lost_server

    def poll(self) -> None:
        """Find all alive."""

    def ensure(self, _family: ModelFamily) -> None:
        raise RedisConnectionError

    def has_lost_server(self) -> bool:
        return self._has_lost_server


@pytest.fixture
def workshop() -> FakeWorkshop:
    return FakeWorkshop()


async def waiting(workshop: FakeWorkshop, processes: Processes, show=lambda _job: None) -> Job:
    request = a_request()
    job_id = await ask(workshop.services, request)
    return await wait(processes, workshop.services, job_id, request.requester, show=show)  # type: ignore[arg-type]  # a stand-in


def only_job(workshop: FakeWorkshop) -> Job:
    (job,) = workshop.jobs.memory.jobs.values()
    return job


async def test_a_server_that_is_away_for_a_moment_ends_no_wait(workshop: FakeWorkshop) -> None:
    shown = asyncio.Event()
    task = asyncio.create_task(waiting(workshop, Processes(), lambda _job: shown.set()))
    await shown.wait()
    await workshop.jobs.change(only_job(workshop).id, lambda job: job.cancel(now=workshop.now()))
    assert (await task).state is JobState.CANCELLED


async def test_a_server_that_another_command_took_down_leaves_the_job_in_line(
    workshop: FakeWorkshop,
) -> None:
    with pytest.raises(ServerEnded) as ended:
        await waiting(workshop, Processes(has_lost_server=True))
    assert ended.value.job_id == only_job(workshop).id
    assert only_job(workshop).is_waiting


async def test_whoever_is_interrupted_while_asking_leaves_no_job(
    workshop: FakeWorkshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    publishes, may_go_on = asyncio.Event(), asyncio.Event()

    async def publish_slowly() -> None:
        publishes.set()
        await may_go_on.wait()

    monkeypatch.setattr(workshop.outbox, "publish_pending", publish_slowly)
    task = asyncio.create_task(ask(workshop.services, a_request()))
    await publishes.wait()
    task.cancel()
    may_go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert only_job(workshop).state is JobState.CANCELLED


async def test_being_interrupted_when_the_job_has_just_ended_is_no_error(
    workshop: FakeWorkshop,
) -> None:
    shown = asyncio.Event()
    task = asyncio.create_task(waiting(workshop, Processes(), lambda _job: shown.set()))
    await shown.wait()
    await workshop.jobs.change(only_job(workshop).id, lambda job: job.cancel(now=workshop.now()))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
