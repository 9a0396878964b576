"""What every `JobStore` promises."""

import asyncio
from dataclasses import replace

import pytest

from backend.domain.errors import IdempotencyMismatch
from backend.domain.events import JobEventKind
from backend.domain.families import ModelFamily, Sampler
from backend.domain.jobs import (
    Block,
    Change,
    Failure,
    IllegalTransition,
    Job,
    JobState,
    Progress,
    StaleAttempt,
)
from backend.domain.prompts import AspectRatio, WeightedPart, WeightedTerm
from backend.domain.requests import AccountId, JobId, SourceImage
from backend.domain.tiers import Tier
from tests.builders import a_birth, a_job, a_recipe, a_request, a_requester, a_result, a_spec, at
from tests.contract.db.conftest import Stores

BLOCK = Block(stage="image", outcome="review", category="nsfw", rule="nsfw-1", score=0.9)
FAMILY, TIER = ModelFamily.SDXL, Tier.FAST


async def stored(stores: Stores, job: Job | None = None, *, fingerprint: str = "f") -> Job:
    return await stores.jobs.add(a_birth(job or a_job()), fingerprint=fingerprint)


def dispatch(job: Job) -> Change:
    return job.dispatch(now=at(1), until=at(60))


def dispatch_to_w1(job: Job) -> Change:
    return job.dispatch(now=at(1), until=at(60), worker="w1")


def start(job: Job) -> Change:
    return job.start(attempt=job.attempt, worker="w1", now=at(2), until=at(62))


def hold(job: Job) -> Change:
    return job.hold(block=BLOCK, now=at(3), attempt=job.attempt)


async def moved(stores: Stores, job: Job, *moves) -> Job:
    for move in moves:
        changed = await stores.jobs.change(job.id, move)
        assert changed is not None
        job = changed
    return job


async def kinds(stores: Stores) -> list[JobEventKind]:
    return [stored.event.kind for stored in await stores.jobs.unpublished(100)]


async def test_a_stored_job_comes_back_as_it_was(stores: Stores):
    request = a_request(
        "ein Fuchs 🦊 im Schnee",
        negative_prompt="blur",
        aspect_ratio=AspectRatio(width=3, height=2),
        sampler=Sampler.DDIM,
        source=SourceImage(job_id=JobId("gen_0"), index=1, strength=0.5),
        idempotency_key="k",
    )
    spec = a_spec(
        negative=(WeightedPart(terms=(WeightedTerm(text="blur", weight=0.5),), weight=2.0),),
        language="de",
        seed=2**32 - 1,
        aspect_ratio=AspectRatio(width=3, height=2),
    )
    job = await stored(stores, a_job(request=request, spec=spec, seed=2**32 - 1))
    assert await stores.jobs.get(job.id) == job


async def test_every_field_of_a_moved_job_comes_back(stores: Stores):
    job = await stored(stores)
    job = await moved(stores, job, dispatch, start)
    assert await stores.jobs.get(job.id) == job
    job = await moved(
        stores,
        job,
        lambda job: job.beat(
            attempt=1,
            worker="w1",
            progress=Progress(step=1, steps=4),
            now=at(3),
            until=at(63),
        ),
        hold,
        lambda job: job.release(category="nsfw", now=at(5)),
    )
    assert job.clearances == ("nsfw",)
    assert await stores.jobs.get(job.id) == job
    job = await moved(
        stores,
        job,
        dispatch,
        start,
        lambda job: job.deliver(attempt=2, result=a_result(recipe=a_recipe()), now=at(9)),
    )
    assert await stores.jobs.get(job.id) == job


async def test_a_failure_comes_back(stores: Stores):
    failure = Failure(code="out_of_memory", message="Too large.")
    job = await moved(
        stores, await stored(stores), lambda job: job.fail(failure=failure, now=at(1))
    )
    assert await stores.jobs.get(job.id) == job


async def test_an_unknown_job_is_none(stores: Stores):
    assert await stores.jobs.get(JobId("gen_none")) is None
    assert await stores.jobs.change(JobId("gen_none"), dispatch) is None


async def test_being_a_moderator_is_never_stored(stores: Stores):
    asker = a_requester(is_moderator=True)
    job = await stored(stores, a_job(request=a_request(requester=asker)))
    again = await stores.jobs.get(job.id)
    assert again is not None
    assert not again.request.requester.is_moderator


async def test_the_same_key_returns_the_first_job(stores: Stores):
    request = a_request(idempotency_key="k")
    first = await stored(stores, a_job(request=request))
    second = await stored(stores, a_job(request=request))
    assert second == first
    assert await kinds(stores) == [JobEventKind.QUEUED]


async def test_the_same_key_returns_the_first_job_as_it_is_now(stores: Stores):
    request = a_request(idempotency_key="k")
    first = await moved(stores, await stored(stores, a_job(request=request)), dispatch)
    assert await stored(stores, a_job(request=request)) == first


async def test_the_same_key_with_another_request_is_refused(stores: Stores):
    request = a_request(idempotency_key="k")
    await stored(stores, a_job(request=request), fingerprint="one")
    with pytest.raises(IdempotencyMismatch):
        await stored(stores, a_job(request=request), fingerprint="two")


async def test_the_same_key_of_another_account_is_another_key(stores: Stores):
    first = await stored(stores, a_job(request=a_request(idempotency_key="k")))
    bob = a_request(idempotency_key="k", requester=a_requester("bob"))
    second = await stored(stores, a_job(request=bob), fingerprint="other")
    assert second.id != first.id


async def test_requests_without_a_key_are_never_the_same(stores: Stores):
    first, second = await stored(stores), await stored(stores)
    assert first.id != second.id


async def test_many_submissions_of_one_key_at_once_make_one_job(stores: Stores):
    request = a_request(idempotency_key="k")
    jobs = await asyncio.gather(*(stored(stores, a_job(request=request)) for _ in range(8)))
    assert len({job.id for job in jobs}) == 1
    assert await kinds(stores) == [JobEventKind.QUEUED]


async def test_a_refused_move_changes_nothing(stores: Stores):
    job = await moved(stores, await stored(stores), lambda job: job.cancel(now=at(1)))
    with pytest.raises(IllegalTransition):
        await stores.jobs.change(job.id, dispatch)
    assert await stores.jobs.get(job.id) == job
    assert await kinds(stores) == [JobEventKind.QUEUED, JobEventKind.CANCELLED]


async def test_a_change_made_from_an_old_version_is_refused(stores: Stores):
    old = await stored(stores)
    job = await moved(stores, old, dispatch)
    with pytest.raises(ValueError, match="version"):
        await stores.jobs.change(job.id, lambda _: old.cancel(now=at(1)))
    assert await stores.jobs.get(job.id) == job


async def test_a_report_of_an_overtaken_attempt_is_refused(stores: Stores):
    job = await moved(
        stores,
        await stored(stores),
        dispatch,
        start,
        lambda job: job.return_to_line(now=at(70), reason="lease_expired"),
        dispatch,
    )
    with pytest.raises(StaleAttempt):
        await stores.jobs.change(
            job.id, lambda job: job.deliver(attempt=1, result=a_result(), now=at(80))
        )
    assert await stores.jobs.get(job.id) == job


async def test_of_many_dispatches_at_once_one_wins(stores: Stores):
    job = await stored(stores)
    outcomes = await asyncio.gather(
        *(stores.jobs.change(job.id, dispatch) for _ in range(8)), return_exceptions=True
    )
    assert sum(isinstance(outcome, Job) for outcome in outcomes) == 1
    assert sum(isinstance(outcome, IllegalTransition) for outcome in outcomes) == 7
    now = await stores.jobs.get(job.id)
    assert now is not None
    assert now.attempt == 1


async def test_many_changes_at_once_are_all_kept(stores: Stores):
    job = await moved(stores, await stored(stores), dispatch, start)

    def beat(job: Job) -> Change:
        step = 1 + (job.progress.step if job.progress else 0)
        progress = Progress(step=step, steps=50)
        return job.beat(attempt=1, worker="w1", progress=progress, now=at(3), until=at(99))

    await asyncio.gather(*(stores.jobs.change(job.id, beat) for _ in range(20)))
    now = await stores.jobs.get(job.id)
    assert now is not None
    assert now.progress == Progress(step=20, steps=50)


async def in_line(stores: Stores, family: ModelFamily = FAMILY, *, after: int = 0) -> list[JobId]:
    """Return who waits, oldest first."""
    rows = await stores.jobs.in_line(family, after=after)
    return [row.job_id for row in rows if not row.is_leased]


async def test_the_line_is_in_order_of_arrival(stores: Stores):
    late = await stored(stores, a_job(created_at=at(9)))
    early = await stored(stores, a_job(created_at=at(1)))
    twins = [await stored(stores, a_job(created_at=at(5))) for _ in range(3)]
    assert await in_line(stores) == [early.id, *(twin.id for twin in twins), late.id]


async def test_a_returned_job_has_its_old_place(stores: Stores):
    first = await stored(stores, a_job(created_at=at(1)))
    second = await stored(stores, a_job(created_at=at(2)))
    await moved(stores, first, dispatch)
    assert await in_line(stores) == [second.id]
    await moved(stores, first, lambda job: job.return_to_line(now=at(70), reason="lost"))
    assert await in_line(stores) == [first.id, second.id]


async def test_each_family_has_a_line_of_its_own(stores: Stores):
    turbo = await stored(stores, a_job(spec=a_spec(tier=Tier.TURBO)))
    flux = await stored(stores, a_job(spec=a_spec(family=ModelFamily.FLUX)))
    assert await in_line(stores) == [turbo.id]
    assert await in_line(stores, ModelFamily.FLUX) == [flux.id]


async def test_what_is_in_line_says_what_decides_its_turn_until_it_ends(stores: Stores):
    job = await stored(stores, a_job(spec=a_spec(tier=Tier.RELAX, image_count=3)))
    (row,) = await stores.jobs.in_line(FAMILY, after=0)
    assert (row.job_id, row.account_id) == (job.id, job.request.requester.account_id)
    assert (row.created_at, row.spec) == (job.created_at, job.spec)
    await moved(stores, job, dispatch)
    (row,) = await stores.jobs.in_line(FAMILY, after=0)
    assert row.is_leased
    await moved(stores, job, lambda job: job.cancel(now=at(9)))
    assert await stores.jobs.in_line(FAMILY, after=0) == []


async def test_newcomers_are_those_after_a_sequence_number(stores: Stores):
    await stored(stores, a_job(created_at=at(9)))
    (first,) = await stores.jobs.in_line(FAMILY, after=0)
    newcomer = await stored(stores, a_job(created_at=at(1)))
    assert await in_line(stores, after=first.sequence) == [newcomer.id]


async def test_who_stands_in_line_is_known_without_reading_what_is_asked(stores: Stores):
    late, leased = [await stored(stores, a_job(created_at=at(second))) for second in (9, 1)]
    await stored(stores, a_job(spec=a_spec(family=ModelFamily.FLUX)))
    await moved(stores, leased, dispatch)
    standing = await stores.jobs.standing(FAMILY)
    assert [each[1:] for each in standing] == [(leased.id, True), (late.id, False)]
    rows = await stores.jobs.in_line(FAMILY)
    assert [each.sequence for each in standing] == [row.sequence for row in rows]


@pytest.mark.parametrize("others", [0, 600])
async def test_some_jobs_in_line_are_read_among_however_many(stores: Stores, others: int):
    jobs = [await stored(stores, a_job(created_at=at(number))) for number in range(3)]
    named = [jobs[2].id, jobs[0].id, *(JobId(f"gen_other{number}") for number in range(others))]
    rows = await stores.jobs.in_line(FAMILY, among=named)
    assert [row.job_id for row in rows] == [jobs[0].id, jobs[2].id]


async def test_many_jobs_are_found_at_once_and_unknown_ones_left_out(stores: Stores):
    jobs = [await stored(stores, a_job()) for _ in range(3)]
    found = await stores.jobs.many([jobs[0].id, jobs[2].id, JobId("gen_nobody")])
    assert found == {job.id: job for job in (jobs[0], jobs[2])}
    assert await stores.jobs.many([]) == {}


async def test_in_flight_counts_dispatched_jobs_that_nobody_has_begun(stores: Stores):
    await stored(stores)
    await moved(stores, await stored(stores), dispatch)
    await moved(stores, await stored(stores, a_job(spec=a_spec(tier=Tier.RELAX))), dispatch_to_w1)
    await moved(stores, await stored(stores), dispatch, start)
    await moved(stores, await stored(stores, a_job(spec=a_spec(family=ModelFamily.SD3))), dispatch)
    assert await stores.jobs.in_flight(FAMILY) == {
        (Tier.FAST, ""): 1,
        (Tier.RELAX, "w1"): 1,
    }


async def test_only_leases_that_ran_out_are_expired(stores: Stores):
    await stored(stores)
    begun = await moved(stores, await stored(stores), dispatch, start)
    sent = await moved(stores, await stored(stores), dispatch)
    over = await moved(stores, await stored(stores), dispatch, lambda job: job.cancel(now=at(9)))
    assert await stores.jobs.expired(at(60), 10) == []
    assert await stores.jobs.expired(at(61), 10) == [sent.id]
    assert await stores.jobs.expired(at(100), 10) == [sent.id, begun.id]
    assert await stores.jobs.expired(at(100), 1) == [sent.id]
    assert over.lease is None


async def test_a_worker_holds_what_is_leased_to_it_and_not_what_it_has_ended(stores: Stores):
    await moved(stores, await stored(stores), dispatch)
    begun = await moved(stores, await stored(stores), dispatch, start)
    await moved(stores, await stored(stores), dispatch, start, lambda job: job.cancel(now=at(9)))
    assert begun.lease is not None
    assert await stores.jobs.held_by(begun.lease.worker) == [begun.id]
    assert await stores.jobs.held_by("another") == []


async def test_ahead_are_older_jobs_that_have_not_begun(stores: Stores):
    await stored(stores, a_job(created_at=at(1)))
    await moved(stores, await stored(stores, a_job(created_at=at(2))), dispatch)
    await moved(stores, await stored(stores, a_job(created_at=at(3))), dispatch, start)
    await moved(stores, await stored(stores), lambda job: job.cancel(now=at(1)))
    await stored(stores, a_job(spec=a_spec(tier=Tier.TURBO)))
    await stored(stores, a_job(created_at=at(5)))
    job = await stored(stores, a_job(created_at=at(5)))
    await stored(stores, a_job(created_at=at(5)))
    await stored(stores, a_job(created_at=at(6)))
    assert await stores.jobs.ahead_of(job) == 3


async def test_an_accounts_jobs_come_newest_first(stores: Stores):
    jobs = [await stored(stores, a_job(created_at=at(n))) for n in (1, 3, 3, 2)]
    await stored(stores, a_job(request=a_request(requester=a_requester("bob"))))
    alice = AccountId("discord:alice")
    newest = [jobs[2], jobs[1], jobs[3], jobs[0]]
    assert await stores.jobs.by_account(alice, 10) == newest
    assert await stores.jobs.by_account(alice, 2) == newest[:2]


async def test_events_wait_in_order_until_they_are_published(stores: Stores):
    job = await moved(stores, await stored(stores), dispatch, start)
    events = await stores.jobs.unpublished(10)
    assert [event.event.kind for event in events] == [
        JobEventKind.QUEUED,
        JobEventKind.DISPATCHED,
        JobEventKind.STARTED,
    ]
    assert events[2].event.job_id == job.id
    assert events[2].event.attempt == 1
    assert events[2].event.at == at(2)
    await stores.jobs.mark_published([event.sequence for event in events[:2]])
    await stores.jobs.mark_published([events[0].sequence])
    await stores.jobs.mark_published([])
    assert await stores.jobs.unpublished(10) == events[2:]
    assert await stores.jobs.unpublished(0) == []


async def test_progress_is_stored_but_not_in_the_outbox(stores: Stores):
    job = await moved(stores, await stored(stores), dispatch, start)
    before = await kinds(stores)
    progress = Progress(step=1, steps=4)
    await moved(
        stores,
        job,
        lambda job: job.beat(attempt=1, worker="w1", progress=progress, now=at(3), until=at(63)),
    )
    assert await kinds(stores) == before


async def test_a_held_job_opens_a_review(stores: Stores):
    job = await moved(stores, await stored(stores), dispatch, start, hold)
    (review,) = await stores.reviews.open_reviews(10)
    assert (review.job_id, review.block, review.opened_at) == (job.id, BLOCK, at(3))


async def test_a_job_that_is_born_held_opens_a_review(stores: Stores):
    block = replace(BLOCK, stage="prompt", score=None)
    job = await stored(stores, a_job(state=JobState.BLOCKED, block=block))
    (review,) = await stores.reviews.open_reviews(10)
    assert (review.job_id, review.block) == (job.id, block)
    assert await kinds(stores) == [JobEventKind.BLOCKED]
