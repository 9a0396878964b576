"""`/show`, `/cancel` and `/info`."""

from backend.domain.families import ModelFamily
from backend.domain.jobs import JobState
from backend.domain.outlook import Outlook
from tests.fakes.discord import Town, labels


async def test_show_brings_pictures_back_with_live_buttons(town: Town) -> None:
    job_id = await town.deliver()
    answer = await town.alice.slash(town.channel, "show", job_id=str(job_id))
    assert answer.response is not None
    assert answer.response.attachments
    assert labels(answer.response.message)[1] == ["V1", "V2", "V3", "V4"]


async def test_show_of_a_running_job_points_to_its_message(town: Town) -> None:
    job_id = await town.ask()
    message = town.message_of(job_id)
    answer = await town.alice.slash(town.channel, "show", job_id=str(job_id))
    assert answer.response is not None
    assert f"/{town.guild.id}/{town.channel.id}/{message.id}" in answer.response.content
    assert town.messages.messages[job_id].message_id == message.id


async def test_show_keeps_the_jobs_of_others_private(town: Town) -> None:
    job_id = await town.deliver()
    answer = await town.bob.slash(town.channel, "show", job_id=str(job_id))
    assert answer.followups[0].ephemeral
    assert "no such job" in answer.followups[0].content


async def test_cancel_ends_a_job_of_ones_own(town: Town) -> None:
    job_id = await town.ask()
    answer = await town.alice.slash(town.channel, "cancel", job_id=str(job_id))
    assert answer.ephemeral
    assert town.memory.jobs[job_id].state is JobState.CANCELLED
    assert answer.response is not None
    assert answer.response.content == f"🛑 Cancelled `{job_id}`. Nothing was charged."
    assert "🛑 Cancelled. Nothing was charged." in town.message_of(job_id).content


async def test_cancel_of_what_is_drawn_says_what_was_charged_and_refunded(town: Town) -> None:
    job_id = await town.ask()
    await town.start(job_id)
    await town.beat(job_id, 10)
    answer = await town.alice.slash(town.channel, "cancel", job_id=str(job_id))
    assert answer.response is not None
    charged_s = 0.5 * town.memory.jobs[job_id].predicted_s
    receipt = f"After 10 of 20 steps: {charged_s:.2g} GPU-seconds charged, the rest refunded."
    assert receipt in answer.response.content
    assert receipt in town.message_of(job_id).content


async def test_cancel_of_somebody_elses_job_is_refused(town: Town) -> None:
    job_id = await town.ask()
    answer = await town.bob.slash(town.channel, "cancel", job_id=str(job_id))
    said = answer.response or answer.followups[0]
    assert "Only the one who asked" in said.content


async def test_unfinished_jobs_are_offered_to_cancel(town: Town) -> None:
    await town.deliver(prompt="a finished fox")
    job_id = await town.ask("a waiting fox")
    offered = await town.alice.autocomplete(town.channel, "cancel", "job_id", "")
    assert [choice["value"] for choice in offered] == [job_id]
    shown = await town.alice.autocomplete(town.channel, "show", "job_id", "finished")
    assert len(shown) == 1


async def test_info_is_private_and_counts(town: Town) -> None:
    await town.deliver()
    await town.ask("a second fox")
    answer = await town.alice.slash(town.channel, "info")
    assert answer.ephemeral
    assert answer.response is not None
    assert "1 in line, 1 delivered" in answer.response.content
    assert "a second fox" in answer.response.content
    held_s = town.newest_job().predicted_s
    held = f"Charged so far: 0 GPU-seconds; {held_s:.2g} GPU-seconds held"
    assert held in answer.response.content


async def test_why_explains_the_place_of_ones_newest_job(town: Town) -> None:
    await town.deliver()
    job_id = await town.ask("a waiting fox")
    outlook = Outlook(position=1, p50_s=4, p90_s=9, why="1 turbo job begins before it.")
    await town.outlooks.tell(ModelFamily.SDXL, {job_id: outlook})
    answer = await town.alice.slash(town.channel, "queue why")
    assert answer.ephemeral
    assert answer.response is not None
    assert f"`{job_id}`: 1 turbo job begins before it." in answer.response.content
    assert "about 4 s, at most 9 s" in answer.response.content


async def test_why_of_nothing_says_that_there_is_no_job(town: Town) -> None:
    answer = await town.bob.slash(town.channel, "queue why")
    assert "no such job" in answer.followups[0].content
