"""Every road by which a picture comes over REST: a listed copy is stopped before it is used."""

import hashlib
import io
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from aiohttp import FormData

from backend.cli.given import read_control, with_controls
from backend.domain.errors import AccountFrozen, PictureBlocked
from backend.domain.requests import AccountId
from tests.builders import a_request, a_requester
from tests.fakes.listed import LIST, a_copy, another, listed_check
from tests.fakes.services import FakeWorkshop
from tests.fakes.uploads import MemoryPictureLinks
from tests.integration.gateway.workshop import Workshop, open_workshop

LINK = "https://pictures.test/fox.jpg"
LINKS = MemoryPictureLinks()
ALICE = AccountId("api:alice")
Road = Callable[[Workshop, bytes], Awaitable[tuple[int, dict]]]


@pytest.fixture
async def workshop(tmp_path: Path) -> AsyncIterator[Workshop]:
    async with open_workshop(objects_folder=tmp_path / "objects", links=LINKS) as opened:
        opened.darkroom.checks.append(listed_check())
        yield opened


async def upload(workshop: Workshop, data: bytes) -> tuple[int, dict]:
    form = FormData()
    form.add_field("file", io.BytesIO(data), filename="fox.jpg", content_type="image/jpeg")
    response = await workshop.client.post("/v1/uploads", data=form, headers=workshop.alice)
    return response.status, await response.json()


def linked(prompt: str) -> Road:
    async def go(workshop: Workshop, data: bytes) -> tuple[int, dict]:
        LINKS.pictures[LINK] = data
        body = {"prompt": prompt.format(LINK)}
        response = await workshop.client.post("/v1/generations", json=body, headers=workshop.alice)
        return response.status, await response.json()

    return go


ROADS: dict[str, Road] = {
    "an upload": upload,
    "a link in a prompt": linked("{} a fox"),
    "a style reference": linked("a fox --sref {}"),
    "a character reference": linked("a fox --cref {}"),
}
EACH = pytest.mark.parametrize("road", ROADS.values(), ids=ROADS)


def kept(workshop: Workshop) -> list[str]:
    return list(workshop.objects.list_keys("uploads/"))


@EACH
async def test_a_listed_copy_is_stopped_on_every_road(workshop: Workshop, road: Road) -> None:
    status, problem = await road(workshop, a_copy())
    assert (status, problem["code"]) == (400, "picture_blocked")
    for word in ("child", "bank", "known", "entry"):
        assert word not in str(problem)
    assert await workshop.jobs.by_account(ALICE, 10) == []
    assert (kept(workshop), workshop.darkroom.store.uploads) == ([], {})
    (report,) = await workshop.services.moderation.safety.all(by="operator")
    assert (report.account_id, report.list_name) == (ALICE, LIST)
    assert report.sha256 == hashlib.sha256(a_copy()).hexdigest()
    again = await workshop.client.get("/v1/generations", headers=workshop.alice)
    assert (again.status, (await again.json())["code"]) == (403, "account_frozen")


@EACH
async def test_another_picture_is_taken_in_on_every_road(workshop: Workshop, road: Road) -> None:
    status, _ = await road(workshop, another())
    assert status in (201, 202)
    assert len(kept(workshop)) == 1
    assert await workshop.services.moderation.safety.all(by="operator") == []


PICTURE_FIELDS = {
    "a picture to start from": {"image": {"upload_id": "upl_none", "strength": 0.5}},
    "an image prompt": {"image_prompts": [{"upload_id": "upl_none"}]},
    "what a ControlNet is shown": {"controls": [{"upload_id": "upl_none", "controlnet": "edges"}]},
}


@pytest.mark.parametrize("fields", PICTURE_FIELDS.values(), ids=PICTURE_FIELDS)
async def test_a_request_names_what_was_taken_in_and_brings_nothing_itself(
    workshop: Workshop, fields: dict
) -> None:
    response = await workshop.client.post(
        "/v1/generations", json={"prompt": "a fox", **fields}, headers=workshop.alice
    )
    assert (response.status, (await response.json())["code"]) == (422, "upload_not_found")
    (name, value) = next(iter(fields.items()))
    one = value[0] if isinstance(value, list) else value
    for smuggled in ({"url": LINK}, {"data": "aGk="}, {"key": "uploads/upl_1.png"}):
        body = {**one, **smuggled}
        response = await workshop.client.post(
            "/v1/generations",
            json={"prompt": "a fox", name: [body] if isinstance(value, list) else body},
            headers=workshop.alice,
        )
        assert response.status == 422
    assert await workshop.jobs.by_account(ALICE, 10) == []


async def test_a_file_at_the_command_line_is_checked_before_it_steers(tmp_path: Path) -> None:
    house = FakeWorkshop()
    house.darkroom.checks.append(listed_check())
    for name, data in (("copy", a_copy()), ("other", another())):
        (tmp_path / f"{name}.jpg").write_bytes(data)
    other = (read_control(f"edges={tmp_path / 'other.jpg'}"),)
    assert (await with_controls(house.services.uploads, a_request(), other)).controls
    copied = (read_control(f"edges={tmp_path / 'copy.jpg'}"),)
    with pytest.raises(PictureBlocked):
        await with_controls(house.services.uploads, a_request(), copied)
    assert len(house.darkroom.store.uploads) == 1
    (report,) = house.memory.safety_reports.values()
    assert report.account_id == a_requester().account_id
    with pytest.raises(AccountFrozen):
        await house.services.generations.submit(a_request())


async def test_the_form_for_removals_and_questions_of_origin_keep_no_picture(
    workshop: Workshop,
) -> None:
    for path, field in (("/removal", "picture"), ("/v1/provenance/checks", "file")):
        form = FormData()
        form.add_field(field, io.BytesIO(a_copy()), filename="fox.jpg", content_type="image/jpeg")
        response = await workshop.client.post(
            path, data=form, headers={"Sec-Fetch-Site": "same-origin"}
        )
        assert response.status < 400, await response.text()
    assert list(workshop.objects.list_keys("")) == []
    assert workshop.darkroom.store.uploads == {}
