"""What becomes of an account that moderators decide about."""

from datetime import timedelta

import pytest

from backend.domain.errors import AccountBanned, AccountFrozen, AccountMuted, ModeratorsOnly
from backend.domain.jobs import JobState
from backend.domain.requests import AccountId
from tests.builders import a_request, a_requester, a_result
from tests.fakes.services import FakeWorkshop

ALICE = AccountId("discord:alice")
MODERATOR = a_requester("mod", is_moderator=True)


async def test_only_moderators_decide() -> None:
    standings = FakeWorkshop().services.moderation.standings
    bob = a_requester("bob")
    for decide in (standings.strike, standings.warn, standings.mute, standings.ban):
        with pytest.raises(ModeratorsOnly):
            await decide(ALICE, reason="x", by=bob)
    with pytest.raises(ModeratorsOnly):
        await standings.unban(ALICE, by=bob)


async def test_a_ban_ends_waiting_and_running_work_and_flags_the_worker() -> None:
    workshop = FakeWorkshop()
    generations = workshop.services.generations
    first = (await generations.submit(a_request())).job
    second = (await generations.submit(a_request("an owl"))).job
    await workshop.services.moderation.standings.ban(ALICE, reason="spam", by=MODERATOR)
    jobs = await workshop.jobs.many([first.id, second.id])
    assert {job.state for job in jobs.values()} == {JobState.CANCELLED}
    assert workshop.cancel_flags.raised == {first.id, second.id}
    assert await workshop.jobs.unpublished(10) == []
    with pytest.raises(AccountBanned):
        await generations.submit(a_request())


async def test_every_way_of_asking_is_closed_to_the_banned() -> None:
    workshop = FakeWorkshop()
    generations, alice = workshop.services.generations, a_requester()
    job = await workshop.deliver(a_request(), a_result())
    await workshop.services.moderation.standings.ban(ALICE, reason="spam", by=MODERATOR)
    for ask in (
        lambda: generations.submit_all(a_request("{a, b} fox")),
        lambda: generations.reroll(job.id, alice),
        lambda: generations.vary(job.id, 0, alice),
        lambda: workshop.services.uploads.add(b"anything", alice),
    ):
        with pytest.raises(AccountBanned):
            await ask()


async def test_a_mute_ends_by_itself_and_leaves_running_work_alone() -> None:
    workshop = FakeWorkshop()
    generations, standings = workshop.services.generations, workshop.services.moderation.standings
    job = (await generations.submit(a_request())).job
    await standings.mute(ALICE, reason="spam", by=MODERATOR, for_=timedelta(seconds=60))
    with pytest.raises(AccountMuted):
        await generations.submit(a_request())
    assert (await generations.snapshot(job.id)).job.state is JobState.QUEUED
    workshop.seconds += 61
    await generations.submit(a_request())


async def test_the_third_strike_mutes_and_the_fifth_bans() -> None:
    workshop = FakeWorkshop()
    standings = workshop.services.moderation.standings
    for _ in range(3):
        await standings.strike(ALICE, reason="gore", by=MODERATOR)
    with pytest.raises(AccountMuted):
        await standings.must_be_welcome(ALICE)
    for _ in range(2):
        await standings.strike(ALICE, reason="gore", by=MODERATOR)
    with pytest.raises(AccountBanned):
        await standings.must_be_welcome(ALICE)
    await standings.unban(ALICE, by=MODERATOR)
    await standings.must_be_welcome(ALICE)


async def test_a_frozen_account_stays_frozen() -> None:
    standings = FakeWorkshop().services.moderation.standings
    await standings.freeze(ALICE, "sentinel")
    await standings.unban(ALICE, by=MODERATOR)
    with pytest.raises(AccountFrozen):
        await standings.must_be_welcome(ALICE)


async def test_a_repeated_key_of_the_banned_still_names_its_job() -> None:
    workshop = FakeWorkshop()
    request = a_request(idempotency_key="one")
    job = (await workshop.services.generations.submit(request)).job
    await workshop.services.moderation.standings.ban(ALICE, reason="spam", by=MODERATOR)
    again = await workshop.services.generations.submit(request)
    assert (again.job.id, again.is_repeated) == (job.id, True)
