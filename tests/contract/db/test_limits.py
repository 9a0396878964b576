"""How many jobs an account may have waiting, by the word of every `JobStore`."""

import asyncio

import pytest

from backend.db.audit import SqlAudit
from backend.db.sessions import Database
from backend.db.stores import SqlJobStore
from backend.domain.errors import IdempotencyMismatch, TooManyWaiting
from backend.domain.jobs import Block, Job, JobState
from backend.domain.requests import AccountId
from backend.domain.tiers import Tier
from backend.service.ports import JobStore
from tests.builders import a_birth, a_job, a_request, a_requester, a_spec, at
from tests.contract.db.conftest import Stores

ALICE = AccountId("discord:alice")
BLOCK = Block(stage="prompt", outcome="review", category="nsfw", rule="r")


async def ask(jobs: JobStore, *, most: int = 2, key: str | None = None, **fields) -> Job:
    request = fields.pop("request", a_request(idempotency_key=key))
    return await jobs.add(
        a_birth(a_job(request=request, **fields)), fingerprint="f", waiting_max=most
    )


async def test_one_job_too_many_is_refused_and_not_stored(stores: Stores):
    jobs = [await ask(stores.jobs) for _ in range(2)]
    with pytest.raises(TooManyWaiting, match="2 jobs waiting in fast"):
        await ask(stores.jobs)
    assert await stores.jobs.by_account(ALICE, 10) == jobs[::-1]


async def test_every_account_and_every_tier_has_its_own_room(stores: Stores):
    await ask(stores.jobs, most=1)
    await ask(stores.jobs, most=1, spec=a_spec(tier=Tier.RELAX))
    await ask(stores.jobs, most=1, request=a_request(requester=a_requester("bob")))
    with pytest.raises(TooManyWaiting):
        await ask(stores.jobs, most=1, spec=a_spec(tier=Tier.RELAX))


async def test_what_was_sent_waits_and_what_began_does_not(stores: Stores):
    job = await ask(stores.jobs, most=1)
    await stores.jobs.change(job.id, lambda job: job.dispatch(now=at(1), until=at(60)))
    with pytest.raises(TooManyWaiting):
        await ask(stores.jobs, most=1)
    await stores.jobs.change(
        job.id, lambda job: job.start(attempt=1, worker="w", now=at(2), until=at(60))
    )
    second = await ask(stores.jobs, most=1)
    await stores.jobs.change(second.id, lambda job: job.cancel(now=at(3)))
    await ask(stores.jobs, most=1)


async def test_a_job_held_at_birth_takes_no_room_and_needs_none(stores: Stores):
    await ask(stores.jobs, most=1, state=JobState.BLOCKED, block=BLOCK)
    await ask(stores.jobs, most=1)
    await ask(stores.jobs, most=1, state=JobState.BLOCKED, block=BLOCK)


async def test_a_repeated_request_is_answered_however_many_wait(stores: Stores):
    first = await ask(stores.jobs, most=1, key="k")
    assert (await ask(stores.jobs, most=1, key="k")).id == first.id


async def test_a_key_is_looked_up_without_adding_anything(stores: Stores):
    assert await stores.jobs.repeated(ALICE, "k", fingerprint="f") is None
    first = await ask(stores.jobs, key="k")
    assert await stores.jobs.repeated(ALICE, "k", fingerprint="f") == first
    assert await stores.jobs.repeated(AccountId("discord:bob"), "k", fingerprint="f") is None
    with pytest.raises(IdempotencyMismatch):
        await stores.jobs.repeated(ALICE, "k", fingerprint="other")


@pytest.fixture
async def gateways(database_url: str):
    """The stores of three processes at one database."""
    databases = [Database(database_url) for _ in range(3)]
    yield [SqlJobStore(database=database) for database in databases]
    for database in databases:
        await database.close()


async def test_processes_that_add_at_once_never_exceed_the_limit(
    gateways: list[SqlJobStore], database: Database
):
    asked = [ask(gateways[number % 3], most=5) for number in range(24)]
    answers = await asyncio.gather(*asked, return_exceptions=True)
    assert sum(isinstance(answer, Job) for answer in answers) == 5
    assert sum(isinstance(answer, TooManyWaiting) for answer in answers) == 19
    assert len(await SqlAudit(database=database).jobs()) == 5


async def test_processes_that_repeat_one_request_at_once_make_one_job(
    gateways: list[SqlJobStore], database: Database
):
    await ask(gateways[0], most=2)
    # The last free place: only who does not see the first one's key could be refused.
    asked = [ask(gateways[number % 3], most=2, key="k") for number in range(24)]
    answers = await asyncio.gather(*asked)
    assert len({answer.id for answer in answers}) == 1
    assert len(await SqlAudit(database=database).jobs()) == 2
