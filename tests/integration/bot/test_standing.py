"""What a member under a sanction meets in Discord, and reads of their own standing."""

import pytest

from backend.domain.errors import JobNotFound
from backend.domain.requests import AccountId, SourceImage
from bot.identity import account_of
from tests.builders import a_request, a_requester
from tests.fakes.discord import Town

MODERATOR = a_requester("mod", is_moderator=True)


def alice(town: Town) -> AccountId:
    return account_of(town.alice.id)


async def test_a_clean_member_reads_that(town: Town) -> None:
    answer = (await town.alice.slash(town.channel, "standing")).response
    assert answer is not None
    assert answer.ephemeral
    assert answer.content == "0 strikes that count."


async def test_a_member_reads_their_strikes_but_not_who_gave_them(town: Town) -> None:
    await town.standings.strike(alice(town), reason="gore", by=MODERATOR)
    await town.standings.ban(alice(town), reason="spam", by=MODERATOR)
    answer = (await town.alice.slash(town.channel, "standing")).response
    assert answer is not None
    assert "⛔ Banned: spam." in answer.content
    assert "1 strike that count" in answer.content
    assert "gore" in answer.content
    assert "mod" not in answer.content


async def test_a_banned_member_is_refused_by_command_and_by_button(town: Town) -> None:
    job_id = await town.deliver()
    await town.standings.ban(alice(town), reason="spam", by=MODERATOR)
    answer = await town.alice.slash(town.channel, "imagine", prompt="a fox")
    assert "may not ask for pictures" in answer.followups[0].content
    answer = await town.alice.click(town.message_of(job_id), label="V1")
    assert "may not ask for pictures" in answer.followups[0].content
    assert len(town.memory.jobs) == 1


async def test_a_frozen_member_is_told_that_alone_and_nobody_sees_their_jobs(town: Town) -> None:
    job_id = await town.deliver()
    await town.standings.freeze(alice(town), "child_safety")
    asked = [
        await town.alice.slash(town.channel, "info"),
        await town.alice.slash(town.channel, "show", job_id=job_id),
        await town.alice.slash(town.channel, "imagine", prompt="a fox"),
    ]
    told = [" ".join(one.content for one in answer.followups) for answer in asked]
    assert all("This account is suspended." in words for words in told), told
    assert "child" not in " ".join(told)
    for member in (town.alice, town.bob):
        answer = await member.click(town.message_of(job_id), label="V1")
        assert "no such job" in answer.followups[0].content
    assert len(town.memory.jobs) == 1


async def test_nobody_works_on_with_a_picture_of_a_frozen_member(town: Town) -> None:
    job_id = await town.deliver()
    taken = SourceImage(job_id=job_id, index=0, strength=0.5)
    request = a_request(requester=a_requester("bob"), source=taken)
    job = (await town.house.services.generations.submit(request)).job
    assert (await town.darkroom.given.keys_of(job)).source is not None
    await town.standings.freeze(alice(town), "child_safety")
    # What is in line already finds its picture gone, and nobody asks for it anew.
    assert await town.darkroom.given.keys_of(job) is None
    with pytest.raises(JobNotFound):
        await town.house.services.generations.submit(request)
