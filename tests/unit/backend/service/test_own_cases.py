"""A moderator decides about what is their own, and it says so; or somebody else decides."""

from collections.abc import Awaitable, Callable

import pytest

from backend.bootstrap.moderators import make_moderators
from backend.db.sessions import Database
from backend.db.stores import SqlAuditLog
from backend.domain.errors import ModeratorsOnly, OwnCase
from backend.domain.jobs import Job
from backend.domain.requests import JobId
from backend.domain.reviews import Decision, Review, ReviewId
from backend.service.reviews import Measure
from backend.settings import Settings
from safety.moderation.audit import AuditEntry
from tests.builders import NOW, a_request, a_requester, a_result
from tests.fakes.services import FakeWorkshop

MODERATOR = a_requester("mod", is_moderator=True)
OTHER = a_requester("other-mod", is_moderator=True)
Decide = Callable[[], Awaitable[object]]


@pytest.fixture
def workshop() -> FakeWorkshop:
    return FakeWorkshop()


def let_others_decide(workshop: FakeWorkshop) -> None:
    """Do as a workshop with IMPASTO_MODERATORS_DECIDE_OWN=no does."""
    moderation = workshop.services.moderation
    for part in (moderation.reviews, moderation.standings):
        part._moderators._decide_own = False


async def held(workshop: FakeWorkshop, *, appeals: bool = False) -> tuple[Job, Review]:
    """Let the moderator's own prompt be held, and let them appeal or not."""
    job = (
        await workshop.services.generations.submit(a_request("forbidden", requester=MODERATOR))
    ).job
    if appeals:
        await workshop.services.moderation.appeals.appeal(job.id, MODERATOR, words="a film")
    [review] = workshop.memory.reviews.values()
    return job, review


async def reported(workshop: FakeWorkshop) -> tuple[JobId, Review]:
    """Let a picture of the moderator's be reported by a member."""
    job = await workshop.deliver(a_request(requester=MODERATOR), a_result())
    await workshop.services.moderation.appeals.report(job.id, 0, a_requester("bob"), words="me")
    [review] = workshop.memory.reviews.values()
    return job.id, review


def last_decision(workshop: FakeWorkshop) -> AuditEntry:
    return [one for one in workshop.memory.audit if one.action.startswith("review.")][-1]


@pytest.mark.parametrize("appeals", [False, True])
async def test_who_is_alone_releases_their_own_and_it_is_said_everywhere(
    workshop: FakeWorkshop,
    appeals: bool,  # noqa: FBT001 - a case
) -> None:
    _, review = await held(workshop, appeals=appeals)
    reviews = workshop.services.moderation.reviews
    card = await reviews.release(review.id, MODERATOR)
    assert card.is_own
    assert (await reviews.look(review.id, OTHER)).is_own
    decided = next(one for one in workshop.memory.audit if one.action == "review.released")
    assert (decided.actor, decided.detail["own"]) == (MODERATOR.account_id, "yes")


async def test_what_another_decides_is_nobodys_own(workshop: FakeWorkshop) -> None:
    _, review = await held(workshop)
    [waiting] = await workshop.services.moderation.reviews.open_cards(MODERATOR)
    assert not waiting.is_own
    card = await workshop.services.moderation.reviews.keep(review.id, OTHER, reason="x")
    assert not card.is_own
    assert last_decision(workshop).detail["own"] == "no"


async def test_a_report_of_their_own_picture_that_they_dismiss_is_marked(
    workshop: FakeWorkshop,
) -> None:
    _, review = await reported(workshop)
    card = await workshop.services.moderation.reviews.dismiss(review.id, MODERATOR)
    assert card.is_own
    assert last_decision(workshop).detail["own"] == "yes"


async def test_what_one_does_about_ones_own_standing_is_marked(workshop: FakeWorkshop) -> None:
    standings = workshop.services.moderation.standings
    await standings.strike(MODERATOR.account_id, reason="x", by=OTHER)
    assert "own" not in workshop.memory.audit[-1].detail
    await standings.unban(MODERATOR.account_id, by=MODERATOR)
    assert workshop.memory.audit[-1].detail["own"] == "yes"


def decisions(workshop: FakeWorkshop, review_id: ReviewId) -> list[Decide]:
    """Return every decision about oneself, ready to be awaited."""
    reviews = workshop.services.moderation.reviews
    standings, me = workshop.services.moderation.standings, MODERATOR.account_id
    return [
        lambda: reviews.card(review_id, MODERATOR),
        lambda: reviews.release(review_id, MODERATOR),
        lambda: reviews.keep(review_id, MODERATOR),
        lambda: reviews.dismiss(review_id, MODERATOR),
        lambda: reviews.remove(review_id, MODERATOR, reason="x"),
        *(
            lambda measure=measure: reviews.discipline(review_id, measure, MODERATOR, reason="x")
            for measure in Measure
        ),
        lambda: standings.warn(me, reason="x", by=MODERATOR),
        lambda: standings.strike(me, reason="x", by=MODERATOR),
        lambda: standings.mute(me, reason="x", by=MODERATOR),
        lambda: standings.ban(me, reason="x", by=MODERATOR),
        lambda: standings.unban(me, by=MODERATOR),
    ]


async def test_where_others_decide_nothing_about_oneself_is_and_each_try_is_on_record(
    workshop: FakeWorkshop,
) -> None:
    job_id, review = await reported(workshop)
    let_others_decide(workshop)
    tries = decisions(workshop, review.id)
    before = dict(workshop.memory.standings)
    for decide in tries:
        with pytest.raises(OwnCase) as refused:
            await decide()
    assert refused.value.way_out
    assert (await workshop.services.moderation.reviews.look(review.id, MODERATOR)).review == review
    entries = [one for one in workshop.memory.audit if one.action == "moderation.refused"]
    assert [(one.actor, one.outcome) for one in entries] == [
        (MODERATOR.account_id, "own_case")
    ] * len(tries)
    assert workshop.memory.reviews[review.id].decision is Decision.OPEN
    assert workshop.memory.jobs[job_id].image(0) is not None
    assert workshop.memory.standings == before


async def test_where_others_decide_another_moderator_does_and_members_still_may_not(
    workshop: FakeWorkshop,
) -> None:
    _, review = await held(workshop, appeals=True)
    let_others_decide(workshop)
    reviews = workshop.services.moderation.reviews
    with pytest.raises(ModeratorsOnly):
        await reviews.release(review.id, a_requester("mod"))
    assert (await reviews.release(review.id, OTHER)).review.decision is Decision.RELEASED


@pytest.mark.parametrize(("setting", "is_refused"), [("", False), ("yes", False), ("no", True)])
async def test_the_setting_reaches_who_says_who_decides(
    sqlite_url: str,
    setting: str,
    is_refused: bool,  # noqa: FBT001 - a case
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("IMPASTO_MODERATORS_DECIDE_OWN", setting)
    database = Database(sqlite_url)
    moderators = make_moderators(Settings(), database, clock=lambda: NOW)
    about = MODERATOR.account_id
    if is_refused:
        with pytest.raises(OwnCase):
            await moderators.must_decide(MODERATOR, about)
        entry = await SqlAuditLog(database=database).last("moderation.refused", f"account:{about}")
        assert entry is not None
        assert entry.outcome == "own_case"
    else:
        await moderators.must_decide(MODERATOR, about)
    await moderators.must_decide(OTHER, about)
    await database.close()
