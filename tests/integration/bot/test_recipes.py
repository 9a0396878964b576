"""*Recipe* under a job's pictures, and the very same ones again."""

import json
from dataclasses import replace

import pytest

from backend.domain.jobs import JobState
from backend.domain.recipes import Reproduction
from backend.domain.requests import JobId
from tests.builders import a_recipe
from tests.fakes.discord import Town, labels


async def deliver_with_recipe(town: Town) -> JobId:
    job_id = await town.ask()
    await town.start(job_id)
    result = replace(town.draw(job_id), recipe=a_recipe())
    await town.move(
        job_id, lambda job: job.deliver(attempt=job.attempt, result=result, now=town.now())
    )
    return job_id


async def test_the_button_is_there_where_there_is_a_recipe(town: Town) -> None:
    job_id = await deliver_with_recipe(town)
    assert labels(town.message_of(job_id))[1] == ["V1", "V2", "V3", "V4", "Recipe"]
    other = await town.deliver()
    assert "Recipe" not in labels(town.message_of(other))[1]


async def test_the_owner_is_told_alone_how_it_was_made_with_all_of_it_as_a_file(
    town: Town,
) -> None:
    job_id = await deliver_with_recipe(town)
    answer = await town.alice.click(town.message_of(job_id), label="Recipe")
    [told] = answer.followups
    assert told.ephemeral
    assert "4 steps · guidance 5.5 · euler_a · seed 7" in told.content
    assert a_recipe().drawn_by.model_sha256[:12] in told.content
    [file] = told.attachments
    assert file.filename == f"impasto-{job_id}-recipe.json"
    document = json.loads(await file.read())
    assert document["request_id"] == job_id
    assert document["recipe"]["seed"] == 7


async def test_nobody_else_is_told(town: Town) -> None:
    job_id = await deliver_with_recipe(town)
    answer = await town.bob.click(town.message_of(job_id), label="Recipe")
    assert all(told.ephemeral and not told.attachments for told in answer.followups)


@pytest.mark.parametrize(
    ("made", "sentence"),
    [
        (Reproduction(is_same=True), "every pixel is equal"),
        (Reproduction(is_same=False, differs=("torch",)), "different: torch"),
    ],
)
async def test_the_very_same_pictures_come_in_a_new_message_that_says_whether_they_are(
    town: Town, made: Reproduction, sentence: str
) -> None:
    job_id = await deliver_with_recipe(town)
    answer = await town.alice.click(town.message_of(job_id), label="Recipe")
    await town.restart()
    await town.alice.click(answer.followups[0], label="Draw it again")
    job = town.newest_job()
    assert job.id != job_id
    assert job.state is JobState.QUEUED
    assert job.request.recipe == a_recipe()
    assert labels(town.message_of(job.id)) == [["Cancel"]]
    await town.start(job.id)
    result = replace(town.draw(job.id), recipe=a_recipe(), reproduction=made)
    await town.move(
        job.id, lambda job: job.deliver(attempt=job.attempt, result=result, now=town.now())
    )
    assert sentence in town.message_of(job.id).content
