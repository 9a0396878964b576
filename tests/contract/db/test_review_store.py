"""What every `ReviewStore` promises."""

import asyncio
from dataclasses import replace

import pytest

from backend.domain.errors import ReviewNotFound
from backend.domain.events import JobEventKind
from backend.domain.jobs import Block, Change, IllegalTransition, Job, JobState
from backend.domain.requests import AccountId
from backend.domain.reviews import Decision, Review, ReviewId
from tests.builders import a_birth, a_job, at
from tests.contract.db.conftest import Stores

BLOCK = Block(stage="prompt", outcome="review", category="nsfw", rule="nsfw-1")


async def held(stores: Stores, *, second: float = 0) -> Job:
    job = a_job(state=JobState.BLOCKED, block=BLOCK, created_at=at(second))
    return await stores.jobs.add(a_birth(job), fingerprint="f")


async def the_review(stores: Stores) -> Review:
    (review,) = await stores.reviews.open_reviews(10)
    return review


def released(review: Review) -> Review:
    if review.decision is not Decision.OPEN:
        raise ReviewNotFound
    moderator = AccountId("discord:mod")
    return replace(review, decision=Decision.RELEASED, decided_by=moderator, decided_at=at(9))


def release(job: Job) -> Change:
    return job.release(category="nsfw", now=at(9))


async def test_an_unknown_review_is_none(stores: Stores):
    unknown = ReviewId("rev_none")
    assert await stores.reviews.get(unknown) is None
    assert await stores.reviews.decide(unknown, released, release) is None


async def test_open_reviews_come_oldest_first(stores: Stores):
    late, early = await held(stores, second=5), await held(stores, second=1)
    reviews = await stores.reviews.open_reviews(10)
    assert [review.job_id for review in reviews] == [early.id, late.id]
    assert await stores.reviews.open_reviews(1) == reviews[:1]


async def test_a_release_moves_the_job_and_closes_the_review(stores: Stores):
    job = await held(stores)
    review = await the_review(stores)
    answer = await stores.reviews.decide(review.id, released, release)
    assert answer is not None
    assert answer[0] == await stores.reviews.get(review.id) == released(review)
    assert answer[1] == await stores.jobs.get(job.id)
    assert answer[1].is_waiting
    assert await stores.reviews.open_reviews(10) == []
    kinds = [stored.event.kind for stored in await stores.jobs.unpublished(10)]
    assert kinds == [JobEventKind.BLOCKED, JobEventKind.RELEASED]


async def test_keeping_a_job_blocked_leaves_the_job_alone(stores: Stores):
    job = await held(stores)
    review = await the_review(stores)
    kept = replace(review, decision=Decision.KEPT, decided_at=at(9))
    answer = await stores.reviews.decide(review.id, lambda _: kept, None)
    assert answer == (kept, job)
    assert await stores.reviews.open_reviews(10) == []


async def test_when_the_job_cannot_move_the_review_stays_open(stores: Stores):
    job = await held(stores)
    review = await the_review(stores)
    with pytest.raises(IllegalTransition):
        await stores.reviews.decide(review.id, released, lambda job: job.cancel(now=at(9)))
    assert await stores.reviews.open_reviews(10) == [review]
    assert await stores.jobs.get(job.id) == job


async def test_when_the_decision_is_refused_the_job_stays(stores: Stores):
    job = await held(stores)
    review = await the_review(stores)

    def refuse(review: Review) -> Review:
        raise ReviewNotFound

    with pytest.raises(ReviewNotFound):
        await stores.reviews.decide(review.id, refuse, release)
    assert await stores.jobs.get(job.id) == job


async def test_of_two_moderators_at_once_one_decides(stores: Stores):
    await held(stores)
    review = await the_review(stores)
    outcomes = await asyncio.gather(
        *(stores.reviews.decide(review.id, released, release) for _ in range(4)),
        return_exceptions=True,
    )
    assert sum(isinstance(outcome, tuple) for outcome in outcomes) == 1
    assert sum(isinstance(outcome, ReviewNotFound) for outcome in outcomes) == 3


async def test_a_job_held_again_gets_another_review(stores: Stores):
    job = await held(stores)
    first = await the_review(stores)
    await stores.reviews.decide(first.id, released, release)
    again = Block(stage="image", outcome="block", category="gore", rule="g-1", score=0.99)
    await stores.jobs.change(job.id, lambda job: job.hold(block=again, now=at(20)))
    second = await the_review(stores)
    assert second.id != first.id
    assert second.block == again
