"""Requests for removal that nobody answered in time: granted by the house, and nothing else is."""

import pytest

from backend.domain.requests import AccountId
from backend.domain.results import GenerationResult, ImageVariant
from backend.domain.reviews import Decision, Review, ReviewId
from backend.service.standings import frozen_by
from backend.service.unanswered import NOBODY_ANSWERED, UnansweredRequests
from tests.builders import a_request, a_requester, an_image
from tests.fakes.moderation import MemoryReviewStore, MemoryStandingStore
from tests.fakes.services import FakeWorkshop

HOUR_S = 3600.0


class House:
    """A workshop with one delivered picture, and what settles requests of its."""

    def __init__(self) -> None:
        self.workshop = FakeWorkshop()
        self.reviews = MemoryReviewStore(memory=self.workshop.memory)
        self.moderation = self.workshop.services.moderation
        self.unanswered = UnansweredRequests(
            reviews=self.reviews,
            jobs=self.workshop.jobs,
            removals=self.moderation.removals,
            is_frozen=frozen_by(MemoryStandingStore(memory=self.workshop.memory)),
            clock=self.workshop.clock,
        )

    async def ask(self, name: str = "aa") -> Review:
        """Deliver a picture, have somebody ask for its removal, and return the review."""
        keys = {v: f"images/{name}/{v}" for v in (ImageVariant.ORIGINAL, ImageVariant.WEBP)}
        for key in keys.values():
            self.workshop.objects.put(key, b"picture", "image/png")
        image = an_image(0, keys=keys, digests={ImageVariant.ORIGINAL: name})
        job = await self.workshop.deliver(a_request(), GenerationResult(images=(image,)))
        asked, _ = await self.moderation.requests.ask(link=job.id, words="mine")
        (review_id,) = asked.review_ids
        return self.workshop.memory.reviews[ReviewId(review_id)]

    def pass_hours(self, hours: float) -> None:
        self.workshop.seconds += hours * HOUR_S


@pytest.fixture
def house() -> House:
    return House()


async def test_what_nobody_answered_within_48_hours_is_gone_everywhere(house: House) -> None:
    review = await house.ask()
    house.pass_hours(47.9)
    assert await house.unanswered.settle() == 0
    assert list(house.workshop.objects.list_keys("images/"))
    house.pass_hours(0.1)
    assert await house.unanswered.settle() == 1
    assert list(house.workshop.objects.list_keys("images/")) == []
    decided = house.workshop.memory.reviews[review.id]
    assert (decided.decision, decided.decided_by) == (Decision.REMOVED, "house")
    assert decided.reason == NOBODY_ANSWERED
    removal = await house.moderation.removals.of_review(decided)
    assert removal is not None
    assert removal.is_finished
    told = [(one.action, one.actor) for one in house.workshop.audit.entries]
    assert ("picture.removal_begun", "house") in told
    assert ("review.removed", "house") in told


async def test_it_is_settled_once(house: House) -> None:
    await house.ask()
    house.pass_hours(49)
    assert await house.unanswered.settle() == 1
    assert await house.unanswered.settle() == 0


async def test_what_somebody_answered_stays_as_they_decided(house: House) -> None:
    review = await house.ask()
    moderator = a_requester("mod", is_moderator=True)
    await house.moderation.reviews.dismiss(review.id, moderator, reason="not theirs")
    house.pass_hours(99)
    assert await house.unanswered.settle() == 0
    assert list(house.workshop.objects.list_keys("images/"))


async def test_a_members_report_has_no_such_clock(house: House) -> None:
    review = await house.ask()
    moderator = a_requester("mod", is_moderator=True)
    await house.moderation.reviews.dismiss(review.id, moderator)
    await house.moderation.appeals.report(review.job_id, 0, a_requester("bob"), words="ugly")
    house.pass_hours(99)
    assert await house.unanswered.settle() == 0


async def test_the_pictures_of_a_frozen_account_are_preserved(house: House) -> None:
    await house.ask()
    await house.workshop.standings.freeze(AccountId("discord:alice"), "child_safety")
    house.pass_hours(99)
    assert await house.unanswered.settle() == 0
    assert list(house.workshop.objects.list_keys("images/"))


async def test_a_copy_that_went_with_another_stands_in_nobodys_way(house: House) -> None:
    first, second = await house.ask("aa"), await house.ask("bb")
    house.pass_hours(49)
    moderator = a_requester("mod", is_moderator=True)
    await house.moderation.removals.remove(first.job_id, 0, moderator, reason="x")
    assert await house.unanswered.settle() == 2
    decided = house.workshop.memory.reviews
    assert {decided[one.id].decision for one in (first, second)} == {Decision.REMOVED}
