"""What every `Books` promises, and that a job and its entries are committed together."""

import pytest

from backend.billing.ledger import Balance, Entry, EntryKind
from backend.domain.jobs import Block, Job, JobState, Progress
from backend.domain.requests import AccountId, JobId
from backend.domain.results import GenerationResult, Timings
from tests.builders import a_birth, a_job, a_request, a_requester, at
from tests.contract.db.conftest import Stores

ALICE = AccountId("discord:alice")
BLOCK = Block(stage="image", outcome="review", category="nsfw", rule="nsfw-1", score=0.9)
RESULT = GenerationResult(images=(), timings=Timings(encode_s=0.25, denoise_s=2.0, decode_s=0.5))


def hold(gpu_ms: int = 3000, stay: int = 0) -> Entry:
    return Entry(kind=EntryKind.HOLD, stay=stay, gpu_ms=gpu_ms)


def refund(gpu_ms: int = -3000, stay: int = 0) -> Entry:
    return Entry(kind=EntryKind.REFUND, stay=stay, gpu_ms=gpu_ms)


def settle(gpu_ms: int) -> Entry:
    return Entry(kind=EntryKind.SETTLE, stay=0, gpu_ms=gpu_ms)


async def begun(stores: Stores, **fields) -> Job:
    job = await stores.jobs.add(a_birth(a_job(predicted_s=3.0, **fields)), fingerprint="f")
    await stores.jobs.change(job.id, lambda job: job.dispatch(now=at(1), until=at(60)))
    started = await stores.jobs.change(
        job.id, lambda job: job.start(attempt=1, worker="w", now=at(2), until=at(60))
    )
    assert started is not None
    return started


async def test_a_delivered_job_is_charged_what_was_measured(stores: Stores):
    job = await begun(stores)
    assert await stores.books.entries(job.id) == [hold()]
    await stores.jobs.change(job.id, lambda job: job.deliver(attempt=1, result=RESULT, now=at(9)))
    assert await stores.books.entries(job.id) == [hold(), refund(), settle(2750)]


async def test_a_job_cancelled_while_drawn_is_charged_its_share(stores: Stores):
    job = await begun(stores)
    progress = Progress(step=12, steps=30)
    await stores.jobs.change(
        job.id,
        lambda job: job.beat(attempt=1, worker="w", progress=progress, now=at(3), until=at(60)),
    )
    await stores.jobs.change(job.id, lambda job: job.cancel(now=at(9)))
    assert await stores.books.entries(job.id) == [hold(), refund(), settle(1200)]


async def test_a_released_job_is_held_and_refunded_again(stores: Stores):
    job = await begun(stores)
    await stores.jobs.change(job.id, lambda job: job.hold(attempt=1, block=BLOCK, now=at(3)))
    await stores.jobs.change(job.id, lambda job: job.release(category="nsfw", now=at(4)))
    await stores.jobs.change(job.id, lambda job: job.cancel(now=at(5)))
    entries = await stores.books.entries(job.id)
    assert entries == [hold(), refund(), hold(stay=1), refund(stay=1)]


async def test_a_job_that_is_born_held_books_nothing(stores: Stores):
    job = a_job(predicted_s=3.0, state=JobState.BLOCKED, block=BLOCK)
    await stores.jobs.add(a_birth(job), fingerprint="f")
    assert await stores.books.entries(job.id) == []


async def test_a_repeated_submission_books_nothing_more(stores: Stores):
    request = a_request(idempotency_key="k")
    for _ in range(2):
        first = await stores.jobs.add(
            a_birth(a_job(request=request, predicted_s=3.0)), fingerprint="f"
        )
    assert await stores.books.entries(first.id) == [hold()]
    assert await stores.books.balance(ALICE) == Balance(held_s=3.0)


async def test_a_change_that_is_refused_books_nothing(stores: Stores):
    job = await begun(stores)

    def refuse(_: Job):
        raise RuntimeError

    with pytest.raises(RuntimeError):
        await stores.jobs.change(job.id, refuse)
    assert await stores.books.entries(job.id) == [hold()]


async def test_a_balance_is_of_one_account(stores: Stores):
    done = await begun(stores)
    await stores.jobs.change(done.id, lambda job: job.deliver(attempt=1, result=RESULT, now=at(9)))
    await begun(stores)
    await begun(stores, request=a_request(requester=a_requester("bob")))
    assert await stores.books.balance(ALICE) == Balance(charged_s=2.75, held_s=3.0)
    assert await stores.books.balance(AccountId("discord:nobody")) == Balance()


async def test_an_unknown_job_has_no_entries(stores: Stores):
    assert await stores.books.entries(JobId("gen_none")) == []
