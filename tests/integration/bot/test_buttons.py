"""The buttons under a job, before and after a restart."""

from typing import Any

import discord
import pytest
import simcord.interactions

from backend.domain.jobs import JobState
from backend.domain.requests import AccountId, JobId
from tests.fakes.discord import Town, labels


async def test_u_posts_one_picture_in_full_and_wakes_its_asker(town: Town) -> None:
    job_id = await town.deliver()
    answer = await town.bob.click(town.message_of(job_id), label="U3")
    [posted] = answer.followups
    assert not posted.ephemeral
    [attachment] = posted.attachments
    assert attachment.filename == f"impasto-{job_id}-3.png"
    assert attachment.size == len(town.pictures.objects[f"images/{job_id}/2/original.png"])
    assert town.bob.mention in posted.content


async def test_v_asks_for_variations_in_a_new_message(town: Town) -> None:
    job_id = await town.deliver()
    await town.bob.click(town.message_of(job_id), label="V2")
    job = town.newest_job()
    assert job.id != job_id
    assert job.request.source is not None
    assert (job.request.source.job_id, job.request.source.index) == (job_id, 1)
    assert job.request.requester.account_id == AccountId(f"discord:{town.bob.id}")
    await town.start(job.id)
    await town.finish(job.id)
    message = town.message_of(job.id)
    assert message.id != town.message_of(job_id).id
    assert message.attachments
    assert town.bob.mention in message.content


async def test_all_buttons_survive_a_restart(town: Town) -> None:
    job_id = await town.deliver()
    message = town.message_of(job_id)
    await town.restart()
    answer = await town.alice.click(message, label="U1")
    assert answer.followups[0].attachments
    for label in ("V2", "🔄"):
        before = len(town.memory.jobs)
        button = next(
            one
            for row in message.components
            for one in getattr(row, "children", [])
            if str(one.label or one.emoji) == label
        )
        await town.alice.click(message, custom_id=button.custom_id)
        job = town.newest_job()
        assert len(town.memory.jobs) == before + 1
        await town.start(job.id)
        await town.finish(job.id)
        assert labels(town.message_of(job.id))[1] == ["V1", "V2", "V3", "V4"]


@pytest.fixture
def payloads(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What Discord sends of every interaction from now on, newest last."""
    sent: list[dict[str, Any]] = []
    inner = simcord.interactions.base_payload

    def noted(*args: Any, **fields: Any) -> Any:
        record, payload = inner(*args, **fields)
        sent.append(payload)
        return record, payload

    monkeypatch.setattr(simcord.interactions, "base_payload", noted)
    return sent


async def send_again(town: Town, payload: dict[str, Any], *, as_new: bool = False) -> None:
    """Send an interaction a second time; `as_new`: as if nobody had acknowledged it yet."""

    async def defer(*_: Any, **__: Any) -> None:
        """Succeed: the process that took it died before it could say so."""

    async def again() -> None:
        town.bot._connection.parse_interaction_create(payload)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch:
        if as_new:
            patch.setattr(discord.InteractionResponse, "defer", defer)
        await town.owned(again)


@pytest.mark.parametrize("as_new", [False, True])
@pytest.mark.parametrize("label", ["V1", "🔄"])
async def test_a_click_that_arrives_twice_makes_one_job(
    town: Town, payloads: list[dict[str, Any]], label: str, *, as_new: bool
) -> None:
    job_id = await town.deliver()
    custom_id = {"V1": f"imp:1:vary:{job_id}:0", "🔄": f"imp:1:reroll:{job_id}:0"}[label]
    await town.alice.click(town.message_of(job_id), custom_id=custom_id)
    count = len(town.memory.jobs)
    assert count == 2
    await send_again(town, payloads[-1], as_new=as_new)
    assert len(town.memory.jobs) == count


@pytest.mark.parametrize("as_new", [False, True])
async def test_a_command_that_arrives_twice_makes_one_job(
    town: Town, payloads: list[dict[str, Any]], *, as_new: bool
) -> None:
    await town.alice.slash(town.channel, "imagine", prompt="a fox")
    await send_again(town, payloads[-1], as_new=as_new)
    assert len(town.memory.jobs) == 1
    assert town.newest_job().request.idempotency_key == f"discord:{payloads[-1]['id']}"


async def test_a_cancelling_that_arrives_twice_refunds_once(
    town: Town, payloads: list[dict[str, Any]]
) -> None:
    job_id = await town.ask()
    await town.alice.click(town.message_of(job_id), label="Cancel")
    await send_again(town, payloads[-1], as_new=True)
    kinds = [kind for _, kind, _ in town.memory.ledger]
    assert sorted(kinds) == ["hold", "refund"]


async def test_each_reroll_has_its_own_seed(town: Town) -> None:
    job_id = await town.deliver()
    reroll = f"imp:1:reroll:{job_id}:0"
    await town.alice.click(town.message_of(job_id), custom_id=reroll)
    await town.bob.click(town.message_of(job_id), custom_id=reroll)
    seeds = {job.seed for job in town.memory.jobs.values()}
    assert len(seeds) == 3


async def test_a_picture_too_large_for_discord_comes_smaller_then_as_a_link(town: Town) -> None:
    job_id = await town.deliver()
    webp_size = len(town.pictures.objects[f"images/{job_id}/0/webp.webp"])
    town.pictures.objects[f"images/{job_id}/0/original.png"] += b" " * webp_size
    town.edge.file_limit_bytes = webp_size
    answer = await town.alice.click(town.message_of(job_id), label="U1")
    assert answer.followups[0].attachments[0].filename.endswith(".webp")
    town.edge.file_limit_bytes = 10
    answer = await town.alice.click(town.message_of(job_id), label="U1")
    assert answer.followups[0].attachments == []
    assert "https://pictures.test/" in answer.followups[0].content


async def test_a_job_that_is_gone_is_said_privately(town: Town) -> None:
    job_id = await town.deliver()
    message = town.message_of(job_id)
    town.memory.jobs.clear()
    for label in ("U1", "V1"):
        answer = await town.alice.click(message, label=label)
        assert answer.followups[0].ephemeral
        assert "no such job" in answer.followups[0].content


async def test_a_picture_that_is_gone_leads_to_its_link(town: Town) -> None:
    job_id = await town.deliver()
    town.pictures.objects.clear()
    answer = await town.alice.click(town.message_of(job_id), label="U1")
    assert "https://pictures.test/" in answer.followups[0].content


async def test_only_the_owner_and_moderators_cancel(town: Town) -> None:
    job_id = await town.ask()
    refused = await town.bob.click(town.message_of(job_id), label="Cancel")
    assert refused.followups[0].ephemeral
    assert "Only the one who asked" in refused.followups[0].content
    assert town.memory.jobs[job_id].state is JobState.QUEUED

    await town.alice.click(town.message_of(job_id), label="Cancel")
    assert town.memory.jobs[job_id].state is JobState.CANCELLED
    message = town.message_of(job_id)
    assert "Cancelled" in message.content
    assert labels(message) == [["🔄"]]

    other = await town.ask("a second fox")
    await town.moderator.click(town.message_of(other), label="Cancel")
    assert town.memory.jobs[other].state is JobState.CANCELLED


async def test_cancelling_what_has_ended_says_so(town: Town) -> None:
    job_id = await town.ask()
    message = town.message_of(job_id)
    await town.move_silently(job_id, lambda job: job.cancel(now=town.now()))
    answer = await town.alice.click(message, label="Cancel")
    assert "already ended" in answer.followups[0].content
    assert JobId(job_id) in town.memory.jobs
