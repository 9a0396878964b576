"""What every `ReviewStore` promises."""

import asyncio
from dataclasses import replace

import pytest

from backend.domain.errors import AppealRepeated, ReportRepeated, ReviewNotFound, TooManyReports
from backend.domain.events import JobEventKind
from backend.domain.jobs import Block, Change, IllegalTransition, Job, JobState
from backend.domain.requests import AccountId
from backend.domain.reviews import BacklogKind, Decision, Review, ReviewId, ReviewKind
from backend.service.moderation_ports import Complaint
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


def appealed(review: Review) -> Review:
    return review.appealed("it is a nature film", now=at(3))


async def test_an_appeal_comes_before_what_is_older(stores: Stores):
    early, late = await held(stores, second=0), await held(stores, second=1)
    of_late = (await stores.reviews.of_job(late.id))[0]
    await stores.reviews.decide(of_late.id, appealed, None)
    assert [review.job_id for review in await stores.reviews.open_reviews(10)] == [
        late.id,
        early.id,
    ]


async def test_who_was_promised_an_answer_comes_by_when_it_is_due(stores: Stores):
    day = 24 * 3600
    held_long, asked, appealing = [await held(stores, second=second) for second in (0, 1, 2)]
    for_removal = replace(a_complaint(asked, "carol", second=day), is_request=True)
    await stores.reviews.complain(for_removal, most_since=(9, at(0)))
    of_appealing = (await stores.reviews.of_job(appealing.id))[0]
    await stores.reviews.decide(
        of_appealing.id, lambda one: one.appealed("please", now=at(day - 2)), None
    )

    async def turns(limit: int) -> list[str]:
        return [review.job_id for review in await stores.reviews.open_reviews(limit)]

    # The request is asked for after the appeal, and due a day before it.
    assert await turns(9) == [asked.id, appealing.id, held_long.id, asked.id]
    assert await turns(1) == [asked.id]


async def test_an_appeal_opens_a_kept_review_again_once(stores: Stores):
    job = await held(stores)
    review = await the_review(stores)
    kept = review.decided(Decision.KEPT, by=AccountId("discord:mod"), now=at(2), reason="gore")
    await stores.reviews.decide(review.id, lambda _: kept, None)
    await stores.reviews.decide(review.id, appealed, None)
    again = await the_review(stores)
    assert again.appeal is not None
    assert (again.appeal.words, again.appeal.due_at) == ("it is a nature film", at(3 + 72 * 3600))
    assert (again.version, again.decided_by, again.reason) == (2, None, "")
    with pytest.raises(AppealRepeated):
        await stores.reviews.decide(review.id, appealed, None)
    assert await stores.reviews.of_job(job.id) == [again]


async def test_only_appeals_past_their_time_are_overdue(stores: Stores):
    await held(stores)
    review = await the_review(stores)
    await stores.reviews.decide(review.id, appealed, None)
    assert await overdue(stores, 72 * 3600 + 3) == {BacklogKind.APPEAL: (1, 0, 72 * 3600)}
    assert await overdue(stores, 72 * 3600 + 4) == {BacklogKind.APPEAL: (1, 1, 72 * 3600 + 1)}
    kept = (await the_review(stores)).decided(Decision.KEPT, by=AccountId("m"), now=at(9))
    await stores.reviews.decide(review.id, lambda _: kept, None)
    assert await overdue(stores, 10**7) == {}


async def overdue(stores: Stores, second: float) -> dict[BacklogKind, tuple[int, int, float]]:
    """Return what is open, overdue and for how many seconds, of each kind of which there is one."""
    found = await stores.reviews.backlog(at(second))
    assert [one.kind for one in found] == list(BacklogKind)
    return {one.kind: (one.open, one.overdue, one.oldest_s) for one in found if one.open}


async def test_a_request_for_removal_is_overdue_after_two_days_a_report_and_a_block_never(
    stores: Stores,
):
    job = await held(stores)
    asked = replace(a_complaint(job, "carol", second=10), is_request=True)
    await complain(stores, asked)
    await complain(stores, a_complaint(job, second=20))
    two_days = 48 * 3600
    assert await overdue(stores, 10 + two_days) == {
        BacklogKind.REQUEST: (1, 0, two_days),
        BacklogKind.REPORT: (1, 0, two_days - 10),
        BacklogKind.HELD: (1, 0, two_days + 10),
    }
    late = await overdue(stores, 11 + two_days)
    assert {kind: one[1] for kind, one in late.items()} == {
        BacklogKind.REQUEST: 1,
        BacklogKind.REPORT: 0,
        BacklogKind.HELD: 0,
    }


def a_complaint(job: Job, name: str = "bob", *, second: float = 0, index: int = 0) -> Complaint:
    return Complaint(
        account_id=AccountId(f"discord:{name}"),
        job_id=job.id,
        picture_index=index,
        words=f"{name} dislikes it",
        at=at(second),
    )


async def complain(stores: Stores, complaint: Complaint) -> Review:
    return await stores.reviews.complain(complaint, most_since=(2, at(-3600)))


async def test_reports_of_one_picture_are_one_review(stores: Stores):
    job = await stores.jobs.add(a_birth(a_job()), fingerprint="f")
    first = await complain(stores, a_complaint(job))
    second = await complain(stores, a_complaint(job, "carol"))
    other = await complain(stores, a_complaint(job, "carol", index=1))
    assert first.id == second.id != other.id
    assert (second.voices, second.words, second.kind) == (2, "carol dislikes it", ReviewKind.REPORT)
    assert second == await stores.reviews.get(first.id)
    assert {review.id for review in await stores.reviews.open_reviews(9)} == {first.id, other.id}


async def test_a_member_reports_a_picture_once_and_few_in_an_hour(stores: Stores):
    job = await stores.jobs.add(a_birth(a_job()), fingerprint="f")
    await complain(stores, a_complaint(job))
    with pytest.raises(ReportRepeated):
        await complain(stores, a_complaint(job))
    await complain(stores, a_complaint(job, index=1))
    with pytest.raises(TooManyReports):
        await complain(stores, a_complaint(job, index=2))
    await complain(stores, a_complaint(job, "carol", index=2))


async def test_a_picture_reported_anew_after_a_decision_is_a_new_review(stores: Stores):
    job = await stores.jobs.add(a_birth(a_job()), fingerprint="f")
    first = await complain(stores, a_complaint(job))
    dismissed = first.decided(Decision.DISMISSED, by=AccountId("m"), now=at(1))
    await stores.reviews.decide(first.id, lambda _: dismissed, None)
    second = await complain(stores, a_complaint(job, "carol"))
    assert (second.id != first.id, second.voices) == (True, 1)


async def test_reports_at_the_same_moment_are_one_review(stores: Stores):
    job = await stores.jobs.add(a_birth(a_job()), fingerprint="f")
    reviews = await asyncio.gather(
        *(complain(stores, a_complaint(job, f"member-{n}")) for n in range(8))
    )
    assert len({review.id for review in reviews}) == 1
    assert (await the_review(stores)).voices == 8


async def test_a_rules_precision_is_counted_from_what_moderators_decided(stores: Stores):
    await complain(stores, a_complaint(await stores.jobs.add(a_birth(a_job()), fingerprint="f")))
    for decision in (Decision.RELEASED, Decision.KEPT, Decision.KEPT, None):
        job = await held(stores)
        review = (await stores.reviews.of_job(job.id))[0]
        if decision is not None:
            decided = appealed(review).decided(decision, by=AccountId("m"), now=at(4))
            await stores.reviews.decide(review.id, lambda _, decided=decided: decided, None)
    (rule,) = await stores.reviews.rules()
    assert (rule.stage, rule.category, rule.rule) == ("prompt", "nsfw", "nsfw-1")
    assert (rule.held, rule.open, rule.overturned, rule.upheld) == (4, 1, 1, 2)
    assert (rule.appealed, rule.precision) == (3, 2 / 3)
    assert rule.interval == pytest.approx((0.2077, 0.9385), abs=1e-4)
