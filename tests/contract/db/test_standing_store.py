"""What every `StandingStore` promises, and what `JobStore` makes of it."""

import asyncio
import contextlib
from collections.abc import Sequence

import pytest

from backend.domain.errors import AccountBanned, DecisionImpossible
from backend.domain.jobs import Block, Change, Job, JobState
from backend.domain.requests import AccountId, JobId
from backend.domain.results import GenerationResult, ImageVariant
from backend.domain.reviews import Decision, Review, ReviewId
from backend.domain.standing import AccountStanding, Sanction
from safety.moderation.audit import AuditEntry
from tests.builders import a_birth, a_job, a_request, a_requester, an_image, at
from tests.contract.db.conftest import Stores

ALICE = AccountId("discord:alice")
BAN = Sanction(reason="spam", by=AccountId("discord:mod"), at=at(0))


def banned(standing: AccountStanding) -> AccountStanding:
    return standing.banned(BAN)


def end(job: Job) -> Change:
    return job.cancel(now=at(9))


def record(standing: AccountStanding, ended: Sequence[JobId]) -> AuditEntry:
    return AuditEntry(
        action="account.tested",
        actor="discord:mod",
        subject=standing.account_id,
        outcome=str(len(ended)),
    )


async def add(stores: Stores, job: Job) -> Job:
    return await stores.jobs.add(a_birth(job), fingerprint="f")


async def test_an_account_nobody_decided_about_is_clean(stores: Stores):
    assert await stores.standings.get(ALICE) == AccountStanding(account_id=ALICE)


async def test_what_is_decided_is_kept(stores: Stores):
    standing, ended = await stores.standings.change(ALICE, banned, record=record)
    assert (standing.ban, ended) == (BAN, ())
    assert await stores.standings.get(ALICE) == standing
    lifted, _ = await stores.standings.change(ALICE, lambda old: old.lifted(), record=record)
    assert await stores.standings.get(ALICE) == lifted


async def a_held_job(stores: Stores, name: str) -> tuple[JobId, ReviewId]:
    block = Block(stage="prompt", outcome="review", category="nsfw", rule="nsfw-1")
    request = a_request(requester=a_requester(name))
    held = a_job(request=request, state=JobState.BLOCKED, block=block)
    job = await add(stores, held)
    (review,) = await stores.reviews.of_job(job.id)
    return job.id, review.id


def let_through(review: Review) -> Review:
    return review.decided(Decision.RELEASED, by=BAN.by, now=at(5), reason="")


def back_in_line(job: Job) -> Change:
    return job.release(category="nsfw", now=at(5))


async def test_nothing_of_a_banned_account_is_put_back_in_line(stores: Stores):
    job_id, review_id = await a_held_job(stores, "alice")
    await stores.standings.change(ALICE, banned, record=record, end=end)
    with pytest.raises(DecisionImpossible):
        await stores.reviews.decide(review_id, let_through, back_in_line)
    job, review = await stores.jobs.get(job_id), await stores.reviews.get(review_id)
    assert job is not None
    assert job.state is JobState.BLOCKED
    assert review is not None
    assert review.is_open


async def test_a_ban_and_a_release_at_once_leave_nothing_in_line(stores: Stores):
    names = [f"member-{number}" for number in range(8)]
    held = {name: await a_held_job(stores, name) for name in names}

    async def ban(name: str) -> None:
        account = AccountId(f"discord:{name}")
        await stores.standings.change(account, banned, record=record, end=end)

    async def release(name: str) -> None:
        with contextlib.suppress(DecisionImpossible):
            await stores.reviews.decide(held[name][1], let_through, back_in_line)

    pairs = [(release, ban), (ban, release)] * 4
    await asyncio.gather(
        *(do(name) for name, pair in zip(names, pairs, strict=True) for do in pair)
    )
    states = {(await stores.jobs.get(job_id)).state for job_id, _ in held.values()}
    assert states <= {JobState.BLOCKED, JobState.CANCELLED}


async def test_a_refused_change_leaves_what_was_there(stores: Stores):
    await stores.standings.change(ALICE, banned, record=record)

    def refuse(_: AccountStanding) -> AccountStanding:
        raise LookupError

    with pytest.raises(LookupError):
        await stores.standings.change(ALICE, refuse, record=record)
    assert (await stores.standings.get(ALICE)).ban == BAN


async def test_a_ban_ends_what_is_queued_and_what_is_drawn_and_nothing_else(stores: Stores):
    queued = await add(stores, a_job())
    drawn = await add(stores, a_job())
    await stores.jobs.change(drawn.id, lambda job: job.dispatch(now=at(1), until=at(60)))
    await stores.jobs.change(
        drawn.id, lambda job: job.start(attempt=1, worker="w", now=at(2), until=at(60))
    )
    done = await add(stores, a_job())
    await stores.jobs.change(done.id, end)
    bobs = await add(stores, a_job(request=a_request(requester=a_requester("bob"))))
    _, ended = await stores.standings.change(ALICE, banned, record=record, end=end)
    assert ended == (queued.id, drawn.id)
    told = [entry for entry in await stores.recorded() if entry.action == "account.tested"]
    assert [entry.outcome for entry in told] == ["2"]
    jobs = await stores.jobs.many([queued.id, drawn.id, done.id, bobs.id])
    assert [jobs[job.id].state for job in (queued, drawn, done, bobs)] == [
        JobState.CANCELLED,
        JobState.CANCELLED,
        JobState.CANCELLED,
        JobState.QUEUED,
    ]


async def test_a_change_that_bars_nobody_ends_nothing(stores: Stores):
    job = await add(stores, a_job())
    _, ended = await stores.standings.change(
        ALICE, lambda old: old.muted(BAN), record=record, end=end
    )
    assert ended == ()
    assert (await stores.jobs.many([job.id]))[job.id].state is JobState.QUEUED


async def test_a_banned_account_adds_no_job(stores: Stores):
    await stores.standings.change(ALICE, banned, record=record)
    with pytest.raises(AccountBanned):
        await add(stores, a_job())
    await add(stores, a_job(request=a_request(requester=a_requester("bob"))))


async def test_no_job_slips_in_beside_a_ban(stores: Stores):
    async def ask() -> Job | None:
        try:
            return await add(stores, a_job())
        except AccountBanned:
            return None

    asked = [asyncio.create_task(ask()) for _ in range(12)]
    await asyncio.sleep(0)
    await stores.standings.change(ALICE, banned, record=record, end=end)
    added = [job.id for job in await asyncio.gather(*asked) if job is not None]
    jobs = await stores.jobs.many(added)
    assert {job.state for job in jobs.values()} <= {JobState.CANCELLED}


async def deliver(stores: Stores, job: Job, key: str) -> None:
    image = an_image(keys={ImageVariant.ORIGINAL: f"{key}/original.png"})
    await add(stores, job)
    await stores.jobs.change(job.id, lambda row: row.dispatch(now=at(1), until=at(60)))
    await stores.jobs.change(
        job.id,
        lambda row: row.deliver(attempt=1, result=GenerationResult(images=(image,)), now=at(2)),
    )


async def test_what_a_frozen_account_had_drawn_is_withheld_until_it_is_lifted(stores: Stores):
    await deliver(stores, a_job(), "images/aa/one")
    await deliver(stores, a_job(), "images/aa/two")
    bobs = a_job(request=a_request(requester=a_requester("bob")))
    await deliver(stores, bobs, "images/bb/three")
    assert not await stores.withheld.holds("images/aa/one/original.png")

    for _ in range(2):
        await stores.standings.change(ALICE, lambda old: old.frozen(BAN), record=record)
    files = ("aa/one/original.png", "aa/one/webp.webp", "aa/two/original.png", "bb/three/webp.webp")
    held = [await stores.withheld.holds(f"images/{file}") for file in files]
    assert held == [True, True, True, False]

    await stores.standings.change(ALICE, lambda old: old.thawed(), record=record)
    assert not any([await stores.withheld.holds(f"images/{file}") for file in files])
