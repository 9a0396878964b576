"""Generations over HTTP."""

import pytest

from backend.domain.families import ModelFamily
from backend.domain.jobs import Failure, JobState, Progress
from backend.domain.outlook import Outlook
from backend.domain.requests import JobId
from tests.integration.gateway.workshop import Workshop


async def test_a_request_is_put_in_line_and_answered_with_its_place(workshop: Workshop) -> None:
    await workshop.create()
    response = await workshop.client.post(
        "/v1/generations",
        json={
            "prompt": "a fox in the snow",
            "tier": "fast",
            "aspect_ratio": "3:2",
            "seed": 7,
            "n": 2,
        },
        headers=workshop.alice,
    )
    assert response.status == 202
    body = await response.json()
    assert body["request_id"] == body["id"]
    assert response.headers["Location"] == f"/v1/generations/{body['id']}"
    assert 1 <= int(response.headers["Retry-After"]) <= 10
    assert body["status"] == "queued"
    assert body["tier"] == "fast"
    assert body["family"] == "sdxl"
    assert body["seed"] == 7
    assert body["position"] == 1
    assert body["created_at"] == "2026-01-01T12:00:00Z"
    assert body["urls"]["self"] == f"http://pictures.test/v1/generations/{body['id']}"
    assert body["urls"]["cancel"] == f"http://pictures.test/v1/generations/{body['id']}/cancel"


async def test_who_waits_is_told_when_it_begins_and_why(workshop: Workshop) -> None:
    job_id = await workshop.create()
    path = f"/v1/generations/{job_id}"
    unknown = await (await workshop.client.get(path, headers=workshop.alice)).json()
    assert (unknown["position"], unknown["eta"], unknown["why"]) == (0, None, None)

    outlook = Outlook(position=3, p50_s=4.5, p90_s=9.0, why="3 turbo jobs begin before it.")
    await workshop.outlooks.tell(ModelFamily.SDXL, {JobId(job_id): outlook})
    shown = await (await workshop.client.get(path, headers=workshop.alice)).json()
    assert shown["position"] == 3
    assert shown["eta"] == {"p50_s": 4.5, "p90_s": 9.0}
    assert shown["why"] == outlook.why
    why = await (await workshop.client.get(f"{path}/why", headers=workshop.alice)).json()
    assert why == {
        "request_id": job_id,
        "status": "queued",
        "position": 3,
        "eta": {"p50_s": 4.5, "p90_s": 9.0},
        "why": outlook.why,
    }
    assert (await workshop.client.get(f"{path}/why", headers=workshop.bob)).status == 404


async def test_what_was_asked_is_what_is_stored(workshop: Workshop) -> None:
    job_id = await workshop.create(
        prompt="a fox",
        negative_prompt="snow",
        family="sdxl",
        queue="turbo",
        aspect_ratio="2:3",
        steps=12,
        guidance=6.5,
        sampler="ddim",
        seed=4294967295,
        n=3,
        loras=[{"name": "pixel-art", "scale": 0.5}, {"name": "line-drawing"}],
    )
    shown = await (
        await workshop.client.get(f"/v1/generations/{job_id}", headers=workshop.alice)
    ).json()
    assert shown["params"] == {
        "prompt": "a fox",
        "negative_prompt": "snow",
        "family": "sdxl",
        "tier": "turbo",
        "aspect_ratio": "2:3",
        "steps": 12,
        "guidance": 6.5,
        "sampler": "ddim",
        "seed": 4294967295,
        "n": 3,
        "image": None,
        "mask": None,
        "outpaint": None,
        "upscale": None,
        "image_prompts": [],
        "controls": [],
        "tile": False,
        "loras": [{"name": "pixel-art", "scale": 0.5}, {"name": "line-drawing", "scale": 1.0}],
    }


async def test_an_integral_float_is_an_integer_as_json_schema_says(workshop: Workshop) -> None:
    job_id = await workshop.create(steps=12.0)
    job = await workshop.jobs.get(JobId(job_id))
    assert job is not None
    assert job.spec.steps == 12


async def test_the_same_idempotency_key_makes_one_job(workshop: Workshop) -> None:
    ids = set()
    for key in ("abc", '"abc"', "abc"):
        response = await workshop.client.post(
            "/v1/generations",
            json={"prompt": "a fox"},
            headers={**workshop.alice, "Idempotency-Key": key},
        )
        assert response.status == 202
        replayed = response.headers.get("Idempotent-Replayed")
        assert replayed == ("true" if ids else None)
        ids.add((await response.json())["id"])
    assert len(ids) == 1


async def test_the_same_idempotency_key_of_another_account_makes_another_job(
    workshop: Workshop,
) -> None:
    ids = set()
    for who in (workshop.alice, workshop.bob):
        response = await workshop.client.post(
            "/v1/generations", json={"prompt": "a fox"}, headers={**who, "Idempotency-Key": "abc"}
        )
        ids.add((await response.json())["id"])
    assert len(ids) == 2


async def test_an_idempotency_key_with_another_body_is_refused(workshop: Workshop) -> None:
    headers = {**workshop.alice, "Idempotency-Key": "abc"}
    await workshop.client.post("/v1/generations", json={"prompt": "a fox"}, headers=headers)
    response = await workshop.client.post(
        "/v1/generations", json={"prompt": "an owl"}, headers=headers
    )
    assert response.status == 422
    assert (await response.json())["code"] == "idempotency_mismatch"


async def test_a_held_prompt_is_refused_with_the_id_of_its_job(workshop: Workshop) -> None:
    response = await workshop.client.post(
        "/v1/generations", json={"prompt": "something forbidden"}, headers=workshop.alice
    )
    problem = await response.json()
    assert response.status == 400
    assert problem["code"] == "prompt_blocked"
    assert problem["stage"] == "prompt"
    assert problem["category"] == "violence"
    assert "secret_rule" not in await response.text()
    shown = await workshop.client.get(
        f"/v1/generations/{problem['request_id']}", headers=workshop.alice
    )
    document = await shown.json()
    assert document["status"] == "blocked"
    assert document["blocked"] == {"stage": "prompt", "outcome": "block", "category": "violence"}


async def test_progress_is_shown_while_a_job_is_drawn(workshop: Workshop) -> None:
    job_id = await workshop.create()
    await workshop.start(job_id, Progress(step=3, steps=12))
    response = await workshop.client.get(f"/v1/generations/{job_id}", headers=workshop.alice)
    shown = await response.json()
    assert shown["status"] == "rendering"
    assert shown["progress"] == {"step": 3, "steps": 12, "pct": 25}
    assert shown["position"] is None
    assert shown["attempt"] == 1
    assert shown["images"] == []
    assert "Retry-After" in response.headers


async def cancelled(workshop: Workshop, job_id: str) -> dict[str, object]:
    response = await workshop.client.post(
        f"/v1/generations/{job_id}/cancel", headers=workshop.alice
    )
    assert response.status == 202
    document: dict[str, object] = await response.json()
    return document


async def test_cancelling_what_waits_says_that_nothing_was_charged(workshop: Workshop) -> None:
    job_id = await workshop.create(steps=30, n=1)
    shown = await workshop.client.get(f"/v1/generations/{job_id}", headers=workshop.alice)
    before = await shown.json()
    assert before["receipt"] is None
    held = before["cost"]["held_gpu_s"]
    assert held > 0
    assert before["cost"] == {"held_gpu_s": held, "charged_gpu_s": 0, "refunded_gpu_s": 0}
    after = await cancelled(workshop, job_id)
    assert after["receipt"] == "Nothing was charged."
    assert after["cost"] == {"held_gpu_s": 0, "charged_gpu_s": 0, "refunded_gpu_s": held}
    # Asking again tells the same.
    assert await cancelled(workshop, job_id) == after


async def test_cancelling_what_is_drawn_charges_the_steps_that_were(workshop: Workshop) -> None:
    job_id = await workshop.create(steps=30, n=1)
    await workshop.start(job_id, Progress(step=12, steps=30))
    after = await cancelled(workshop, job_id)
    # One picture of 30 steps is expected to take 0.95 s before anything was learned.
    assert after["cost"] == {"held_gpu_s": 0, "charged_gpu_s": 0.38, "refunded_gpu_s": 0.57}
    assert after["receipt"] == (
        "After 12 of 30 steps: 0.38 GPU-seconds charged, the rest refunded."
    )


async def test_a_delivered_job_shows_its_pictures_by_links_that_work(workshop: Workshop) -> None:
    job_id = await workshop.create()
    images = await workshop.deliver(job_id, count=2)
    response = await workshop.client.get(f"/v1/generations/{job_id}", headers=workshop.alice)
    shown = await response.json()
    assert "Retry-After" not in response.headers
    assert [image["seed"] for image in shown["images"]] == [7, 8]
    first = shown["images"][0]
    assert (first["width"], first["height"], first["bytes"]) == (64, 48, 9)
    assert first["sha256"] == images[0].sha256
    assert first["url_expires_at"] == "2026-01-01T13:00:00Z"
    assert shown["timings"]["total_s"] == 1.5
    for url in (first["url"], first["webp"], *first["thumbnails"].values()):
        picture = await workshop.client.get(url.removeprefix("http://pictures.test"))
        assert picture.status == 200
    assert set(first["thumbnails"]) == {"256", "512"}


async def test_a_failed_job_shows_why(workshop: Workshop) -> None:
    job_id = await workshop.create()
    failure = Failure(code="out_of_memory", message="The picture did not fit.")
    await workshop.put(job_id, state=JobState.FAILED, failure=failure)
    response = await workshop.client.get(f"/v1/generations/{job_id}", headers=workshop.alice)
    assert (await response.json())["error"] == {
        "code": "out_of_memory",
        "message": "The picture did not fit.",
    }


async def test_an_unchanged_job_answers_not_modified(workshop: Workshop) -> None:
    job_id = await workshop.create()
    path = f"/v1/generations/{job_id}"
    etag = (await workshop.client.get(path, headers=workshop.alice)).headers["ETag"]
    assert etag.startswith('W/"')
    headers = {**workshop.alice, "If-None-Match": etag}
    assert (await workshop.client.get(path, headers=headers)).status == 304
    await workshop.start(job_id)
    assert (await workshop.client.get(path, headers=headers)).status == 200


async def test_a_kept_answer_is_renewed_before_its_links_expire(workshop: Workshop) -> None:
    job_id = await workshop.create()
    await workshop.deliver(job_id)
    path = f"/v1/generations/{job_id}"
    etag = (await workshop.client.get(path, headers=workshop.alice)).headers["ETag"]
    workshop.clock.pass_s(3000)
    response = await workshop.client.get(path, headers={**workshop.alice, "If-None-Match": etag})
    assert response.status == 200


@pytest.mark.parametrize("path", ["", "/cancel"])
async def test_somebody_elses_job_is_not_there(workshop: Workshop, path: str) -> None:
    job_id = await workshop.create()
    send = workshop.client.post if path else workshop.client.get
    response = await send(f"/v1/generations/{job_id}{path}", headers=workshop.bob)
    assert response.status == 404
    assert (await response.json())["code"] == "job_not_found"


async def test_the_list_holds_ones_own_jobs_newest_first(workshop: Workshop) -> None:
    first = await workshop.create()
    workshop.clock.pass_s(1)
    second = await workshop.create()
    listed = await (await workshop.client.get("/v1/generations", headers=workshop.alice)).json()
    assert listed["object"] == "list"
    assert [job["id"] for job in listed["data"]] == [second, first]
    one = await workshop.client.get("/v1/generations?limit=1", headers=workshop.alice)
    assert [job["id"] for job in (await one.json())["data"]] == [second]
    none = await (await workshop.client.get("/v1/generations", headers=workshop.bob)).json()
    assert none["data"] == []


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "limit=x", "page=2", "limit=1&limit=2"])
async def test_a_wrong_list_query_is_refused(workshop: Workshop, query: str) -> None:
    response = await workshop.client.get(f"/v1/generations?{query}", headers=workshop.alice)
    assert response.status == 422
    assert (await response.json())["code"] == "invalid_request"


async def test_cancelling_twice_answers_the_same(workshop: Workshop) -> None:
    job_id = await workshop.create()
    for _ in range(2):
        response = await workshop.client.post(
            f"/v1/generations/{job_id}/cancel", headers=workshop.alice
        )
        assert response.status == 202
        assert (await response.json())["status"] == "cancelled"
    assert workshop.flags.raised == {job_id}


async def test_a_delivered_job_cannot_be_cancelled(workshop: Workshop) -> None:
    job_id = await workshop.create()
    await workshop.deliver(job_id)
    response = await workshop.client.post(
        f"/v1/generations/{job_id}/cancel", headers=workshop.alice
    )
    assert response.status == 409
    assert (await response.json())["code"] == "job_finished"
