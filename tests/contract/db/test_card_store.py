"""What every `CardStore` promises."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from backend.domain.jobs import Block, Job, JobState
from backend.domain.requests import AccountId
from backend.domain.reviews import APPEAL_ANSWERED_WITHIN, REMINDED_EVERY, Decision, Review
from backend.service.moderation_ports import Card
from tests.builders import a_birth, a_job, at
from tests.contract.db.conftest import Stores

BLOCK = Block(stage="prompt", outcome="review", category="nsfw", rule="nsfw-1")
MODERATOR = AccountId("discord:mod")


async def held(stores: Stores, *, second: float = 0) -> Review:
    job: Job = a_job(state=JobState.BLOCKED, block=BLOCK, created_at=at(second))
    await stores.jobs.add(a_birth(job), fingerprint="f")
    return (await stores.reviews.of_job(job.id))[0]


async def keep(stores: Stores, review: Review, *, now: datetime | None = None) -> Review:
    decided = await stores.reviews.decide(
        review.id,
        lambda found: found.decided(Decision.KEPT, by=MODERATOR, now=now or at(9), reason="gore"),
        None,
    )
    assert decided is not None
    return decided[0]


async def test_a_guild_has_one_moderator_channel_or_none(stores: Stores):
    assert await stores.cards.channels() == {}
    await stores.cards.set_channel(1, 10)
    await stores.cards.set_channel(2, 20)
    await stores.cards.set_channel(1, 11)
    assert await stores.cards.channels() == {1: 11, 2: 20}
    await stores.cards.set_channel(1, None)
    await stores.cards.set_channel(3, None)
    assert await stores.cards.channels() == {2: 20}


async def test_cards_of_what_is_open_are_looked_at_again_when_their_channel_is_another(
    stores: Stores,
):
    kept, still_open, elsewhere = [await held(stores, second=second) for second in range(3)]
    await stores.cards.set_channel(1, 10)
    for review, channel_id in ((kept, 10), (still_open, 10), (elsewhere, 20)):
        card = await stores.cards.claim(Card(subject_id=review.id, channel_id=channel_id))
        await stores.cards.mark_shown(replace(card, message_id=5, shown_version=9))
    await keep(stores, kept)
    assert await stores.cards.stale(10) == []
    await stores.cards.set_channel(1, 10)
    assert await stores.cards.stale(10) == []
    await stores.cards.set_channel(1, 11)
    [(review, found)] = await stores.cards.stale(10)
    assert found is not None
    assert (review.id, found.channel_id, found.message_id) == (still_open.id, 10, 5)
    await stores.cards.mark_shown(replace(found, channel_id=11, message_id=6, shown_version=9))
    assert await stores.cards.stale(10) == []


async def test_what_is_open_wants_a_card_oldest_first(stores: Stores):
    late, early = await held(stores, second=5), await held(stores, second=1)
    assert await stores.cards.stale(10) == [(early, None), (late, None)]
    assert len(await stores.cards.stale(1)) == 1


async def test_what_was_decided_before_it_had_a_card_wants_none(stores: Stores):
    await keep(stores, await held(stores))
    assert await stores.cards.stale(10) == []


async def test_of_two_that_claim_a_card_the_first_counts(stores: Stores):
    review = await held(stores)
    first = await stores.cards.claim(Card(subject_id=review.id, channel_id=10))
    second = await stores.cards.claim(Card(subject_id=review.id, channel_id=20))
    assert first == second
    assert first.channel_id == 10
    assert await stores.cards.stale(10) == [(review, first)]


async def test_a_card_that_shows_what_is_true_is_left_alone_until_that_changes(stores: Stores):
    review = await held(stores)
    card = await stores.cards.claim(Card(subject_id=review.id, channel_id=10))
    shown = replace(card, message_id=99, shown_version=review.version)
    await stores.cards.mark_shown(shown)
    assert await stores.cards.stale(10) == []
    kept = await keep(stores, review)
    assert await stores.cards.stale(10) == [(kept, shown)]
    await stores.cards.mark_shown(replace(shown, shown_version=kept.version))
    await stores.cards.mark_shown(shown)
    assert await stores.cards.stale(10) == []


async def test_a_decision_is_told_once(stores: Stores):
    review = await held(stores)
    assert await stores.cards.untold(10, since=at(0)) == []
    kept = await keep(stores, review)
    assert await stores.cards.untold(10, since=at(0)) == [kept]
    await stores.cards.mark_told(review.id)
    await stores.cards.mark_told(review.id)
    assert await stores.cards.untold(10, since=at(0)) == []


async def test_the_answer_to_an_appeal_is_told_too(stores: Stores):
    review = await held(stores)
    await keep(stores, review)
    await stores.cards.mark_told(review.id)
    later = datetime.now(UTC) + timedelta(minutes=1)
    await stores.reviews.decide(review.id, lambda one: one.appealed("why", now=later), None)
    assert await stores.cards.untold(10, since=at(0)) == []
    kept = await keep(stores, review, now=later)
    assert await stores.cards.untold(10, since=at(0)) == [kept]
    await stores.cards.mark_told(review.id)
    assert await stores.cards.untold(10, since=at(0)) == []


async def test_of_old_decisions_only_answers_to_appeals_are_told(stores: Stores):
    await keep(stores, await held(stores))
    review = await held(stores)
    await stores.reviews.decide(review.id, lambda one: one.appealed("why", now=at(2)), None)
    kept = await keep(stores, review)
    assert await stores.cards.untold(10, since=datetime.now(UTC) + timedelta(days=1)) == [kept]


async def test_an_overdue_answer_is_reminded_of_once_and_then_daily(stores: Stores):
    await held(stores)
    review = await held(stores)
    await stores.reviews.decide(review.id, lambda one: one.appealed("why", now=at(2)), None)
    late = at(3) + APPEAL_ANSWERED_WITHIN
    assert await stores.cards.to_remind(late, 10) == [], "there is no card to answer on"
    card = await stores.cards.claim(Card(subject_id=review.id, channel_id=10))
    await stores.cards.mark_shown(replace(card, message_id=99, shown_version=1))
    assert await stores.cards.to_remind(at(2) + APPEAL_ANSWERED_WITHIN, 10) == []
    [first] = await stores.cards.to_remind(late, 10)
    assert (first.review.id, first.card.message_id, first.count) == (review.id, 99, 0)
    await stores.cards.mark_reminded(first, late)
    assert await stores.cards.to_remind(late + REMINDED_EVERY - timedelta(seconds=1), 10) == []
    [second] = await stores.cards.to_remind(late + REMINDED_EVERY, 10)
    assert second.count == 1
    await stores.cards.mark_reminded(second, late + REMINDED_EVERY)
    await keep(stores, review)
    assert await stores.cards.to_remind(late + 3 * REMINDED_EVERY, 10) == []
