"""Every road by which a member gives a picture: a listed copy is stopped before it is used."""

import hashlib
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from bot.identity import account_of
from tests.fakes.discord import Town
from tests.fakes.listed import LIST, a_copy, another, listed_check

CDN = "https://cdn.discordapp.com/attachments/1/2/fox.png?ex=65a1&is=65b2&hm=0f9c&"
Road = Callable[[Town, bytes], Awaitable[Any]]


def attached(name: str, **others: object) -> Road:
    async def go(town: Town, data: bytes) -> Any:
        options = {name: ("fox.jpg", data), **others}
        return await town.bob.slash(town.channel, "imagine", prompt="a fox", **options)

    return go


def linked(prompt: str) -> Road:
    async def go(town: Town, data: bytes) -> Any:
        town.links.pictures[CDN] = data
        return await town.bob.slash(town.channel, "imagine", prompt=prompt.format(CDN))

    return go


async def mask(town: Town, data: bytes) -> Any:
    job_id = await town.deliver()
    picked = (await town.bob.click(town.message_of(job_id), label="U1")).followups[0].message
    shown = await town.bob.click(picked, label="Vary (Region)")
    return await town.bob.submit_modal(shown, {"mask": ("mask.jpg", data), "words": "a whale"})


ROADS: dict[str, Road] = {
    "a picture to start from": attached("image"),
    "an image prompt": attached("image_prompt"),
    "what a ControlNet is shown": attached("control_image", controlnet="edges"),
    "a link in a prompt": linked("<{}> a fox"),
    "a style reference": linked("a fox --sref {}"),
    "a character reference": linked("a fox --cref {}"),
    "a mask": mask,
}
EACH = pytest.mark.parametrize("road", ROADS.values(), ids=ROADS)


@EACH
async def test_a_listed_copy_is_stopped_on_every_road(town: Town, road: Road) -> None:
    town.darkroom.checks.append(listed_check())
    answer = await road(town, a_copy())
    told = answer.followups[-1]
    assert told.ephemeral
    assert "This picture is held back" in told.content
    # Nothing was asked of anybody who draws, and nothing is kept.
    bob = account_of(town.bob.id)
    assert bob not in {job.request.requester.account_id for job in town.memory.jobs.values()}
    assert town.darkroom.store.uploads == {}
    assert list(town.darkroom.objects.list_keys("uploads/")) == []
    (report,) = town.memory.safety_reports.values()
    assert (report.account_id, report.list_name, report.basis) == (bob, LIST, "list")
    assert report.sha256 == hashlib.sha256(a_copy()).hexdigest()
    assert (await town.standings.standing_of(bob)).is_frozen


@EACH
async def test_another_picture_goes_all_the_way_on_every_road(town: Town, road: Road) -> None:
    town.darkroom.checks.append(listed_check())
    await road(town, another())
    bob = account_of(town.bob.id)
    (job,) = [one for one in town.memory.jobs.values() if one.request.requester.account_id == bob]
    (upload,) = town.darkroom.store.uploads.values()
    assert upload.id in str(job.request)
    assert town.memory.safety_reports == {}


async def test_a_picture_that_is_only_asked_about_is_not_kept(town: Town) -> None:
    town.darkroom.checks.append(listed_check())
    await town.bob.slash(town.channel, "verify", picture=("fox.jpg", a_copy()))
    assert town.darkroom.store.uploads == {}
    assert list(town.darkroom.objects.list_keys("")) == []
