"""A job's message shows its pictures on their way, and no longer than they are on their way."""

import pytest

from backend.domain.events import JobEvent, JobEventKind
from backend.domain.requests import JobId
from tests.fakes.discord import EDIT_INTERVAL_S, Town, a_picture, labels


async def look(town: Town, job_id: JobId, index: int, step: int = 5) -> None:
    """Let a worker show another preview, and the time for an edit pass."""
    town.previews.shown[job_id] = a_picture(index, form="WEBP")
    event = JobEvent(
        job_id=job_id, kind=JobEventKind.PREVIEW, attempt=1, at=town.now(), detail=f"{step}/20"
    )
    await town.owned(lambda: town.bot.deliveries.deliver(event))
    await town.env.advance_time(EDIT_INTERVAL_S)


async def begin(town: Town) -> JobId:
    job_id = await town.ask()
    await town.start(job_id)
    await town.env.advance_time(EDIT_INTERVAL_S)
    return job_id


def files_of(town: Town, job_id: JobId) -> list[str]:
    return [one.filename for one in town.message_of(job_id).attachments]


async def test_the_message_shows_the_newest_preview_beside_its_progress(town: Town) -> None:
    job_id = await begin(town)
    assert files_of(town, job_id) == []
    await look(town, job_id, 0)
    (first,) = town.message_of(job_id).attachments
    assert first.filename == f"impasto-{job_id}-preview.webp"
    assert first.description == "AI-generated picture: a fox in the snow"
    await look(town, job_id, 1, step=10)
    (second,) = town.message_of(job_id).attachments
    assert second.id != first.id
    assert labels(town.message_of(job_id)) == [["Cancel"]]


async def test_progress_alone_uploads_nothing_and_leaves_the_preview(town: Town) -> None:
    job_id = await begin(town)
    await look(town, job_id, 0)
    (before,) = town.message_of(job_id).attachments
    for step in (6, 7, 8):
        await town.beat(job_id, step)
        await town.env.advance_time(EDIT_INTERVAL_S)
    assert "40 %" in town.message_of(job_id).content
    assert [one.id for one in town.message_of(job_id).attachments] == [before.id]


async def test_previews_are_no_more_edits_than_progress(town: Town) -> None:
    job_id = await begin(town)
    before = town.edits()
    for index in range(20):
        town.previews.shown[job_id] = a_picture(index % 4, form="WEBP")
        event = JobEvent(
            job_id=job_id, kind=JobEventKind.PREVIEW, attempt=1, at=town.now(), detail="5/20"
        )
        await town.owned(lambda event=event: town.bot.deliveries.deliver(event))
        await town.env.advance_time(EDIT_INTERVAL_S / 10)
    assert 1 <= town.edits() - before <= 3


async def test_the_pictures_take_the_place_of_the_preview(town: Town) -> None:
    job_id = await begin(town)
    await look(town, job_id, 0)
    await town.finish(job_id)
    assert files_of(town, job_id) == [f"impasto-{job_id}.webp"]


@pytest.mark.parametrize("end", ["cancelled", "blocked", "failed", "lost"])
async def test_the_preview_vanishes_with_what_it_was_a_preview_of(town: Town, end: str) -> None:
    job_id = await begin(town)
    await look(town, job_id, 0)
    assert files_of(town, job_id)
    match end:
        case "cancelled":
            await town.move(job_id, lambda job: job.cancel(now=town.now()))
        case "blocked":
            await town.hold(job_id)
        case "failed":
            await town.fail(job_id)
        case _:
            await town.lose_worker(job_id)
    await town.env.advance_time(EDIT_INTERVAL_S)
    # What still lies in the server is looked at by nobody.
    assert town.previews.shown
    assert files_of(town, job_id) == []


async def test_a_new_bot_takes_away_the_preview_that_the_old_one_showed(town: Town) -> None:
    job_id = await begin(town)
    await look(town, job_id, 0)
    await town.move_silently(job_id, lambda job: job.cancel(now=town.now()))
    await town.restart()
    await town.env.advance_time(EDIT_INTERVAL_S)
    assert "Cancelled" in town.message_of(job_id).content
    assert files_of(town, job_id) == []


async def test_a_preview_that_a_worker_took_back_is_taken_away(town: Town) -> None:
    job_id = await begin(town)
    await look(town, job_id, 0)
    town.previews.shown.clear()
    await town.beat(job_id, 9)
    await town.env.advance_time(EDIT_INTERVAL_S)
    assert files_of(town, job_id) == []
