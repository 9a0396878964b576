"""How pictures were made, over HTTP."""

from dataclasses import replace

import pytest

from backend.domain.recipes import RecipePicture, Reproduction
from backend.domain.requests import JobId
from tests.builders import a_recipe, a_requester
from tests.integration.gateway.workshop import Workshop


async def test_a_delivered_job_tells_its_owner_how_it_was_made(workshop: Workshop) -> None:
    job_id = await workshop.create()
    path = f"/v1/generations/{job_id}/recipe"
    early = await workshop.client.get(path, headers=workshop.alice)
    assert (early.status, (await early.json())["code"]) == (409, "job_not_delivered")
    await workshop.deliver(job_id, recipe=a_recipe())
    told = await workshop.client.get(path, headers=workshop.alice)
    assert told.status == 200
    document = await told.json()
    assert document["kind"] == "impasto_recipe"
    assert document["request_id"] == job_id
    recipe = document["recipe"]
    assert (recipe["seed"], recipe["steps"], recipe["sampler"]) == (7, 4, "euler_a")
    assert recipe["drawn_by"]["model_sha256"] == a_recipe().drawn_by.model_sha256
    assert recipe["drawn_by"]["libraries"]["torch"] == "2.9.1"
    assert len(recipe["pixels_sha256"]) == 4


async def test_nobody_else_is_told(workshop: Workshop) -> None:
    job_id = await workshop.create()
    await workshop.deliver(job_id, recipe=a_recipe())
    path = f"/v1/generations/{job_id}/recipe"
    assert (await workshop.client.get(path, headers=workshop.bob)).status == 404
    assert (await workshop.client.get(path)).status == 401


async def test_pictures_of_an_older_worker_have_none(workshop: Workshop) -> None:
    job_id = await workshop.create()
    await workshop.deliver(job_id)
    told = await workshop.client.get(f"/v1/generations/{job_id}/recipe", headers=workshop.alice)
    assert (told.status, (await told.json())["code"]) == (404, "recipe_not_found")


async def test_the_very_same_pictures_are_asked_for_by_their_job(workshop: Workshop) -> None:
    job_id = await workshop.create(prompt="a fox --ar 3:2 --no mist", seed=7, n=2)
    await workshop.deliver(job_id, recipe=a_recipe())
    again = await workshop.create_exactly({"job_id": job_id})
    first, second = [await workshop.jobs.get(JobId(one)) for one in (job_id, again)]
    assert first is not None
    assert second is not None
    assert second.id != first.id
    assert second.request.recipe == a_recipe()
    # What the account saved since then for all its prompts has no part in it.
    assert second.request.is_as_written
    assert second.seed == first.seed == 7
    recipe = a_recipe()
    assert second.spec == replace(
        first.spec,
        seed=7,
        steps=recipe.steps,
        guidance=recipe.guidance,
        sampler=recipe.sampler,
    )


async def test_the_very_same_pictures_are_asked_for_by_their_document(workshop: Workshop) -> None:
    job_id = await workshop.create(prompt="a fox --ar 3:2 --no mist", seed=7, n=2)
    await workshop.deliver(job_id, recipe=a_recipe(image_count=2))
    told = await workshop.client.get(f"/v1/generations/{job_id}/recipe", headers=workshop.alice)
    again = await workshop.create_exactly(await told.json())
    first, second = [await workshop.jobs.get(JobId(one)) for one in (job_id, again)]
    assert first is not None
    assert second is not None
    assert second.request.recipe == a_recipe(image_count=2)
    assert second.request.is_as_written
    assert (second.seed, second.spec.image_count) == (7, 2)
    assert second.spec.positive == first.spec.positive
    assert second.spec.negative == first.spec.negative
    assert second.spec.aspect_ratio == first.spec.aspect_ratio


async def test_a_picture_that_is_to_be_drawn_again_has_to_be_there(workshop: Workshop) -> None:
    job_id = await workshop.create(n=2)
    await workshop.deliver(job_id, count=2, recipe=a_recipe(image_count=2))
    again = await workshop.create_exactly({"job_id": job_id, "index": 1})
    job = await workshop.jobs.get(JobId(again))
    assert job is not None
    assert job.spec.image_count == 2
    refused = await workshop.client.post(
        "/v1/generations", json={"exact": {"job_id": job_id, "index": 2}}, headers=workshop.alice
    )
    assert (refused.status, (await refused.json())["code"]) == (404, "image_not_found")


async def test_somebody_elses_pictures_are_nobodys_to_draw_again(workshop: Workshop) -> None:
    job_id = await workshop.create()
    await workshop.deliver(job_id, recipe=a_recipe())
    refused = await workshop.client.post(
        "/v1/generations", json={"exact": {"job_id": job_id}}, headers=workshop.bob
    )
    assert (refused.status, (await refused.json())["code"]) == (404, "job_not_found")


async def test_a_recipe_that_began_with_a_picture_needs_its_job(workshop: Workshop) -> None:
    job_id = await workshop.create()
    source = RecipePicture(role="source", sha256="00" * 32, strength=0.5)
    await workshop.deliver(job_id, recipe=a_recipe(pictures=(source,)))
    told = await workshop.client.get(f"/v1/generations/{job_id}/recipe", headers=workshop.alice)
    refused = await workshop.client.post(
        "/v1/generations", json={"exact": await told.json()}, headers=workshop.alice
    )
    assert (refused.status, (await refused.json())["code"]) == (422, "recipe_incomplete")


@pytest.mark.parametrize(
    "body",
    [
        {"exact": {"job_id": "gen_1"}, "prompt": "a fox"},
        {"exact": {"job_id": "gen_1"}, "seed": 3},
        {"exact": {"job_id": "gen 1"}},
        {"exact": {"kind": "impasto_recipe"}},
        {"exact": None},
    ],
)
async def test_exactly_the_same_stands_alone_and_names_something(
    workshop: Workshop, body: dict[str, object]
) -> None:
    refused = await workshop.client.post("/v1/generations", json=body, headers=workshop.alice)
    assert (refused.status, (await refused.json())["code"]) == (422, "invalid_request")


async def test_words_in_a_recipe_are_screened_like_any_others(workshop: Workshop) -> None:
    job_id = await workshop.create()
    await workshop.deliver(job_id, recipe=a_recipe())
    told = await workshop.client.get(f"/v1/generations/{job_id}/recipe", headers=workshop.alice)
    document = {**await told.json(), "text": "forbidden things"}
    refused = await workshop.client.post(
        "/v1/generations", json={"exact": document}, headers=workshop.alice
    )
    assert (refused.status, (await refused.json())["code"]) == (400, "prompt_blocked")


@pytest.mark.parametrize(
    "made",
    [Reproduction(is_same=True), Reproduction(is_same=False, differs=("torch", "device"))],
)
async def test_what_came_of_it_is_told_with_the_job(workshop: Workshop, made: Reproduction) -> None:
    job_id = await workshop.create()
    await workshop.deliver(job_id, recipe=a_recipe())
    again = await workshop.create_exactly({"job_id": job_id})
    await workshop.deliver(again, recipe=a_recipe(), reproduction=made)
    path = f"/v1/generations/{again}"
    shown = await (await workshop.client.get(path, headers=workshop.alice)).json()
    assert shown["exact"] == {"reproduced": made.is_same, "differs": list(made.differs)}
    first = await workshop.client.get(f"/v1/generations/{job_id}", headers=workshop.alice)
    assert (await first.json())["exact"] is None


async def test_a_reroll_of_exact_pictures_is_free_again(workshop: Workshop) -> None:
    job_id = await workshop.create()
    await workshop.deliver(job_id, recipe=a_recipe())
    again = await workshop.create_exactly({"job_id": job_id})
    rerolled = await workshop.services.generations.reroll(JobId(again), a_requester())
    assert rerolled.job.request.recipe is None
