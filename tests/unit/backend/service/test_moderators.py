"""A moderator under a sanction decides about nobody, through whatever door."""

from datetime import timedelta

import pytest

from backend.domain.errors import AccountBanned, AccountFrozen, AccountMuted, JobNotFound, NotYours
from backend.domain.jobs import JobState
from backend.domain.removals import RemovalId, RequestId
from backend.domain.requests import AccountId
from backend.domain.reviews import Decision, ReviewId
from backend.service.reviews import Measure
from tests.builders import a_request, a_requester, a_result
from tests.fakes.moderating import SAFETY_REVIEWER
from tests.fakes.services import FakeWorkshop

ALICE = AccountId("discord:alice")
MODERATOR = a_requester("mod", is_moderator=True)
OTHER = a_requester("other-mod", is_moderator=True)
REFUSALS = {"mute": AccountMuted, "ban": AccountBanned, "freeze": AccountFrozen}


async def put_under(workshop: FakeWorkshop, sanction: str, account_id: AccountId) -> None:
    standings = workshop.services.moderation.standings
    match sanction:
        case "mute":
            await standings.mute(account_id, reason="spam", by=OTHER, for_=timedelta(minutes=5))
        case "ban":
            await standings.ban(account_id, reason="spam", by=OTHER)
        case _:
            await standings.freeze(account_id, "child_safety")


def decisions(workshop: FakeWorkshop, review_id: ReviewId, job_id, requester):
    """Return all that a moderator may call, ready to be awaited."""
    moderation = workshop.services.moderation
    reviews, standings = moderation.reviews, moderation.standings
    return [
        lambda: reviews.open_cards(requester),
        lambda: reviews.card(review_id, requester),
        lambda: reviews.release(review_id, requester),
        lambda: reviews.keep(review_id, requester),
        lambda: reviews.dismiss(review_id, requester),
        lambda: reviews.remove(review_id, requester, reason="x"),
        *(
            lambda measure=measure: reviews.discipline(review_id, measure, requester, reason="x")
            for measure in Measure
        ),
        lambda: reviews.rules(requester),
        lambda: reviews.show_in(requester, 1, 2),
        lambda: standings.warn(ALICE, reason="x", by=requester),
        lambda: standings.strike(ALICE, reason="x", by=requester),
        lambda: standings.mute(ALICE, reason="x", by=requester),
        lambda: standings.ban(ALICE, reason="x", by=requester),
        lambda: standings.unban(requester.account_id, by=requester),
        lambda: moderation.removals.remove(job_id, 0, requester, reason="x"),
        lambda: moderation.removals.get(RemovalId("rem_1"), requester),
        lambda: moderation.requests.all(requester),
        lambda: moderation.requests.see(RequestId("req_1"), requester),
        lambda: moderation.looking.veiled(review_id, requester),
        lambda: moderation.looking.clear(review_id, requester),
        lambda: moderation.safety.estimates(requester),
        lambda: moderation.safety.release_estimate("x", requester, reason="x"),
    ]


@pytest.mark.parametrize("sanction", REFUSALS)
async def test_a_moderator_under_a_sanction_is_refused_everywhere_and_each_time_on_record(
    sanction: str,
) -> None:
    workshop = FakeWorkshop()
    job = (await workshop.services.generations.submit(a_request("forbidden"))).job
    [review] = workshop.memory.reviews.values()
    await put_under(workshop, sanction, MODERATOR.account_id)
    asked = decisions(workshop, review.id, job.id, MODERATOR)
    before = dict(workshop.memory.standings)
    for decide in asked:
        with pytest.raises(REFUSALS[sanction]):
            await decide()
    refused = [one for one in workshop.memory.audit if one.action == "moderation.refused"]
    assert len(refused) == len(asked)
    assert {(one.actor, one.outcome) for one in refused} == {(MODERATOR.account_id, sanction)}
    assert workshop.memory.reviews[review.id].decision is Decision.OPEN
    assert workshop.memory.standings == before


async def test_a_named_reviewer_of_estimates_under_a_ban_is_refused_too() -> None:
    workshop = FakeWorkshop()
    reviewer = a_requester(is_moderator=True, account_id=SAFETY_REVIEWER)
    await put_under(workshop, "ban", SAFETY_REVIEWER)
    with pytest.raises(AccountBanned):
        await workshop.services.moderation.safety.estimates(reviewer)


@pytest.mark.parametrize("sanction", ["mute", "ban"])
async def test_others_jobs_are_closed_to_a_moderator_under_a_sanction(sanction: str) -> None:
    workshop = FakeWorkshop()
    generations = workshop.services.generations
    job = (await generations.submit(a_request())).job
    assert (await generations.view(job.id, MODERATOR)).job.id == job.id
    await put_under(workshop, sanction, MODERATOR.account_id)
    with pytest.raises(JobNotFound):
        await generations.view(job.id, MODERATOR)
    with pytest.raises(NotYours):
        await generations.cancel(job.id, MODERATOR)
    assert (await generations.snapshot(job.id)).job.state is JobState.QUEUED


async def test_a_muted_moderator_ends_their_own_job_and_decides_again_afterwards() -> None:
    workshop = FakeWorkshop()
    generations, reviews = workshop.services.generations, workshop.services.moderation.reviews
    own = (await generations.submit(a_request(requester=MODERATOR))).job
    await workshop.deliver(a_request(), a_result())
    await put_under(workshop, "mute", MODERATOR.account_id)
    assert (await generations.cancel(own.id, MODERATOR)).job.state is JobState.CANCELLED
    with pytest.raises(AccountMuted):
        await reviews.open_cards(MODERATOR)
    workshop.seconds += 301
    assert await reviews.open_cards(MODERATOR) == []
