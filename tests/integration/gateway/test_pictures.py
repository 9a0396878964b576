"""Pictures over HTTP: uploads, and what is done with pictures that were delivered."""

import io
import json
from typing import Any

import numpy as np
import pytest
from aiohttp import FormData
from PIL import Image

from backend.domain.requests import JobId
from backend.domain.uploads import UPLOAD_BYTES_MAX, UPLOAD_LIFETIME_S
from tests.fakes.uploads import FORBIDDEN_COLOUR
from tests.integration.gateway.workshop import Workshop


def as_file(picture: Image.Image, form: str = "PNG") -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, form)
    return buffer.getvalue()


def a_picture(width: int = 120, height: int = 80) -> Image.Image:
    noise = np.random.default_rng(1).integers(0, 255, (height, width, 3), np.uint8)
    return Image.fromarray(noise)


async def send(
    workshop: Workshop, data: bytes, *, field: str = "file", headers: dict[str, str] | None = None
) -> tuple[int, Any]:
    form = FormData()
    form.add_field(field, io.BytesIO(data), filename="../../etc/passwd", content_type="image/png")
    headers = workshop.alice if headers is None else headers
    response = await workshop.client.post("/v1/uploads", data=form, headers=headers)
    return response.status, await response.json()


async def upload(workshop: Workshop) -> str:
    status, body = await send(workshop, as_file(a_picture()))
    assert status == 201
    return str(body["id"])


async def deliver(workshop: Workshop) -> str:
    job_id = await workshop.create(n=2)
    await workshop.deliver(job_id, count=2)
    return job_id


async def test_an_upload_is_taken_in_and_told_to_its_owner(workshop: Workshop) -> None:
    status, body = await send(workshop, as_file(a_picture(), "JPEG"))
    assert status == 201
    assert body["object"] == "upload"
    assert (body["width"], body["height"]) == (120, 80)
    assert body["expires_at"] == "2026-01-02T12:00:00Z"
    path = f"/v1/uploads/{body['id']}"
    shown = await workshop.client.get(path, headers=workshop.alice)
    assert await shown.json() == body
    assert (await workshop.client.get(path, headers=workshop.bob)).status == 422
    workshop.clock.pass_s(UPLOAD_LIFETIME_S)
    gone = await workshop.client.get(path, headers=workshop.alice)
    assert (await gone.json())["code"] == "upload_not_found"
    # Kept under its id, whatever the file was called, and nobody is given a link.
    assert list(workshop.objects.list_keys("uploads/")) == [f"uploads/{body['id']}.png"]
    link = await workshop.client.get(f"/images/uploads/{body['id']}.png")
    assert link.status == 403


async def test_a_blocked_upload_is_refused_and_leaves_nothing(workshop: Workshop) -> None:
    red = Image.new("RGB", (80, 80), FORBIDDEN_COLOUR)
    status, body = await send(workshop, as_file(red))
    assert (status, body["code"]) == (400, "picture_blocked")
    assert "red" not in json.dumps(body)
    assert list(workshop.objects.list_keys("uploads/")) == []


@pytest.mark.parametrize(
    ("data", "field", "expected"),
    [
        (b"no picture", "file", (422, "picture_invalid")),
        (as_file(a_picture())[:90], "file", (422, "picture_invalid")),
        (as_file(a_picture()), "picture", (422, "invalid_request")),
    ],
)
async def test_what_is_no_upload_is_refused(
    workshop: Workshop, data: bytes, field: str, expected: tuple[int, str]
) -> None:
    status, body = await send(workshop, data, field=field)
    assert (status, body["code"]) == expected


async def test_no_more_bytes_are_read_than_may_be_sent(workshop: Workshop) -> None:
    status, body = await send(workshop, bytes(UPLOAD_BYTES_MAX + 1))
    assert (status, body["code"]) == (413, "payload_too_large")


async def test_an_upload_needs_a_key_and_a_form(workshop: Workshop) -> None:
    status, body = await send(workshop, as_file(a_picture()), headers={})
    assert (status, body["code"]) == (401, "unauthenticated")
    response = await workshop.client.post("/v1/uploads", json={}, headers=workshop.alice)
    assert response.status == 415
    headers = {**workshop.alice, "Content-Type": "multipart/form-data; boundary=x"}
    broken = await workshop.client.post("/v1/uploads", data=b"--y\r\n", headers=headers)
    assert 400 <= broken.status < 500


async def test_a_request_names_its_pictures_and_is_told_them_again(workshop: Workshop) -> None:
    upload_id, job_id = await upload(workshop), await deliver(workshop)
    asked = {
        "image": {"job_id": job_id, "index": 1, "strength": 0.9},
        "mask": {"image": {"upload_id": upload_id}, "boxes": []},
        "image_prompts": [{"upload_id": upload_id, "scale": 0.5}],
        "tile": True,
    }
    created = await workshop.create(**asked)
    shown = await workshop.client.get(f"/v1/generations/{created}", headers=workshop.alice)
    params = (await shown.json())["params"]
    again = await workshop.create(
        **{name: params[name] for name in ("image", "mask", "image_prompts", "tile")}
    )
    jobs = [await workshop.jobs.get(JobId(one)) for one in (created, again)]
    first, second = (job.request for job in jobs if job is not None)
    assert first.source == second.source
    assert first.mask == second.mask
    assert first.image_prompts == second.image_prompts
    assert first.is_tiled
    assert second.is_tiled


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"image": {"job_id": "gen_1", "upload_id": "upl_1"}}, "invalid_request"),
        ({"image": {}}, "invalid_request"),
        ({"image": {"upload_id": "../x"}}, "invalid_request"),
        ({"image": {"upload_id": "upl_none"}}, "upload_not_found"),
        ({"image": {"job_id": "gen_none"}}, "job_not_found"),
        ({"mask": {"boxes": []}}, "picture_operation_invalid"),
        ({"outpaint": {"zoom": 2}}, "picture_operation_invalid"),
        ({"tile": True, "family": "flux"}, "tiling_not_supported"),
    ],
)
async def test_pictures_that_cannot_be_used_are_refused(
    workshop: Workshop, body: dict[str, Any], code: str
) -> None:
    response = await workshop.client.post(
        "/v1/generations", json={"prompt": "a fox", **body}, headers=workshop.alice
    )
    assert 400 <= response.status < 500
    assert (await response.json())["code"] == code


async def test_somebody_elses_upload_or_picture_is_not_there(workshop: Workshop) -> None:
    upload_id, job_id = await upload(workshop), await deliver(workshop)
    for image, code in (
        ({"upload_id": upload_id}, "upload_not_found"),
        ({"job_id": job_id}, "job_not_found"),
    ):
        response = await workshop.client.post(
            "/v1/generations", json={"prompt": "a fox", "image": image}, headers=workshop.bob
        )
        assert (await response.json())["code"] == code


@pytest.mark.parametrize(
    ("path", "body", "expected"),
    [
        ("variations", {"kind": "subtle"}, {"image": 0.5}),
        ("variations", {}, {"image": 0.85}),
        ("upscales", {"kind": "creative", "factor": 1.5}, {"upscale": "creative"}),
        ("outpaints", {"pan": "left"}, {"outpaint": {"left": 0.3, "zoom": 1.0}}),
        ("outpaints", {"zoom": 2}, {"outpaint": {"left": 0.0, "zoom": 2.0}}),
        (
            "inpaints",
            {
                "mask": {"boxes": [{"left": 0, "top": 0, "right": 0.5, "bottom": 1}]},
                "prompt": "a whale",
            },
            {"prompt": "a whale"},
        ),
    ],
)
async def test_a_delivered_picture_is_worked_on(
    workshop: Workshop, path: str, body: dict[str, Any], expected: dict[str, Any]
) -> None:
    job_id = await deliver(workshop)
    url = f"/v1/generations/{job_id}/images/1/{path}"
    headers = {**workshop.alice, "Idempotency-Key": "once"}
    answers = [await workshop.client.post(url, json=body, headers=headers) for _ in range(2)]
    assert [answer.status for answer in answers] == [202, 202]
    created = {(await answer.json())["id"] for answer in answers}
    assert len(created) == 1
    shown = await workshop.client.get(f"/v1/generations/{created.pop()}", headers=workshop.alice)
    params = (await shown.json())["params"]
    assert params["image"]["job_id"] == job_id
    assert params["image"]["index"] == 1
    match expected:
        case {"image": strength}:
            assert params["image"]["strength"] == strength
        case {"upscale": kind}:
            assert params["upscale"]["kind"] == kind
            assert params["n"] == 1
        case {"outpaint": sides}:
            assert sides.items() <= params["outpaint"].items()
        case {"prompt": prompt}:
            assert params["prompt"] == prompt
    assert (await workshop.client.post(url, json=body, headers=workshop.bob)).status == 404


@pytest.mark.parametrize(
    ("path", "body", "code"),
    [
        ("1/outpaints", {"pan": "left", "zoom": 2}, "invalid_request"),
        ("1/outpaints", {}, "picture_operation_invalid"),
        ("1/upscales", {"factor": 7}, "picture_operation_invalid"),
        ("1/inpaints", {}, "invalid_request"),
        ("9/variations", {}, "image_not_found"),
        ("x/variations", {}, "image_not_found"),
    ],
)
async def test_what_cannot_be_done_with_a_picture_is_refused(
    workshop: Workshop, path: str, body: dict[str, Any], code: str
) -> None:
    job_id = await deliver(workshop)
    url = f"/v1/generations/{job_id}/images/{path}"
    response = await workshop.client.post(url, json=body, headers=workshop.alice)
    assert 400 <= response.status < 500
    assert (await response.json())["code"] == code
