"""Pictures on their way, over HTTP: for the owner, and only while they are drawn."""

import pytest

from backend.domain.jobs import JobState
from backend.domain.requests import JobId
from tests.integration.gateway.workshop import Workshop

WEBP = b"RIFF\x00\x00\x00\x00WEBP"


async def test_the_owner_sees_the_preview_while_the_job_is_drawn(workshop: Workshop) -> None:
    job_id = await workshop.create()
    path = f"/v1/generations/{job_id}/preview"
    workshop.previews.shown[JobId(job_id)] = WEBP
    waiting = await workshop.client.get(path, headers=workshop.alice)
    assert (waiting.status, (await waiting.json())["code"]) == (404, "image_not_found")
    await workshop.start(job_id)
    shown = await workshop.client.get(path, headers=workshop.alice)
    assert (shown.status, await shown.read()) == (200, WEBP)
    assert shown.headers["Content-Type"] == "image/webp"
    assert "no-store" in shown.headers["Cache-Control"]
    assert (await workshop.client.get(path, headers=workshop.bob)).status == 404
    assert (await workshop.client.get(path)).status == 401


@pytest.mark.parametrize(
    "state",
    [state for state in JobState if state is not JobState.RENDERING],
)
async def test_nothing_is_shown_of_a_job_that_is_not_drawn_whatever_still_lies_there(
    workshop: Workshop, state: JobState
) -> None:
    job_id = await workshop.create()
    workshop.previews.shown[JobId(job_id)] = WEBP
    await workshop.start(job_id)
    await workshop.put(job_id, state=state)
    shown = await workshop.client.get(f"/v1/generations/{job_id}/preview", headers=workshop.alice)
    assert (shown.status, (await shown.json())["code"]) == (404, "image_not_found")
