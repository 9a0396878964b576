"""`POST /v1/provenance/checks`: for anyone, bounded, and not too often."""

import io

from aiohttp import FormData
from PIL import Image

from backend.limits.memory_limiter import MemoryLimiter
from backend.service.provenance import CHECK_BYTES_MAX
from tests.fakes.marks import signed_png
from tests.integration.gateway.workshop import Workshop
from tests.unit.safety.pictures import made_picture

PATH = "/v1/provenance/checks"


def a_form(data: bytes, name: str = "file") -> FormData:
    form = FormData()
    form.add_field(name, io.BytesIO(data), filename="picture.png", content_type="image/png")
    return form


def a_png() -> bytes:
    buffer = io.BytesIO()
    Image.linear_gradient("L").save(buffer, "PNG")
    return buffer.getvalue()


async def test_anyone_is_told_of_a_picture_of_ours_without_a_key(workshop: Workshop) -> None:
    response = await workshop.client.post(PATH, data=a_form(signed_png(made_picture(1))))
    assert response.status == 200
    document = await response.json()
    assert document["object"] == "provenance_check"
    assert (document["origin"], document["survived"]) == ("ours", ["c2pa"])
    assert document["c2pa"]["digital_source_type"] == "trainedAlgorithmicMedia"
    assert document["said"][0] == "This picture was made here."
    assert set(document["watermark"]) == {"present", "payload", "p_value", "bits_matched", "bits"}
    assert document["fingerprint"] == {"distance": None, "job_id": None}


async def test_a_strangers_picture_is_unknown(workshop: Workshop) -> None:
    response = await workshop.client.post(PATH, data=a_form(a_png()))
    document = await response.json()
    assert (document["origin"], document["c2pa"]["state"]) == ("unknown", "absent")


async def test_what_is_no_picture_is_refused(workshop: Workshop) -> None:
    response = await workshop.client.post(PATH, data=a_form(b"not a picture"))
    assert response.status == 422
    assert (await response.json())["code"] == "picture_invalid"


async def test_a_body_that_is_too_large_or_no_form_is_refused(workshop: Workshop) -> None:
    response = await workshop.client.post(PATH, data=a_form(bytes(CHECK_BYTES_MAX + 1)))
    assert response.status == 413
    response = await workshop.client.post(PATH, data=a_png())
    assert response.status == 415
    response = await workshop.client.post(PATH, data=a_form(a_png(), name="other"))
    assert response.status == 422


async def test_who_asks_too_often_is_told_before_the_file_is_read(workshop: Workshop) -> None:
    limiter = MemoryLimiter(burst=1, per_minute=6, clock=lambda: 0.0)
    workshop.services.provenance._limiter = limiter
    assert (await workshop.client.post(PATH, data=a_form(a_png()))).status == 200
    response = await workshop.client.post(PATH, data=a_form(a_png()))
    assert response.status == 429
    document = await response.json()
    assert document["code"] == "too_many_checks"
    assert "10 seconds" in document["way_out"]
