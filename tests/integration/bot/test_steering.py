"""`/imagine` with a ControlNet, and with links to pictures."""

import pytest

from tests.fakes.discord import Town
from tests.fakes.link_servers import a_png

CDN = "https://cdn.discordapp.com/attachments/1/2/fox.png?ex=65a1&is=65b2&hm=0f9c&"


async def test_a_controlnet_is_shown_an_attached_picture(town: Town) -> None:
    options = {"controlnet": "edges", "control_image": ("lines.png", a_png()), "control_scale": 0.6}
    await town.alice.slash(town.channel, "imagine", prompt="a fox", **options)
    job = town.newest_job()
    (upload,) = town.darkroom.store.uploads.values()
    (control,) = job.request.controls
    assert (control.controlnet, control.scale, control.upload_id) == ("edges", 0.6, upload.id)
    assert job.spec.effort.controls == ("edges",)


async def test_how_strongly_it_steers_need_not_be_said(town: Town) -> None:
    options = {"controlnet": "edges", "control_image": ("lines.png", a_png())}
    await town.alice.slash(town.channel, "imagine", prompt="a fox", **options)
    assert [one.scale for one in town.newest_job().request.controls] == [1.0]


@pytest.mark.parametrize(
    "options",
    [
        {"controlnet": "edges"},
        {"control_image": ("lines.png", a_png())},
        {"control_scale": 1.5},
    ],
)
async def test_a_controlnet_without_its_picture_is_one_private_sentence(
    town: Town, options: dict[str, object]
) -> None:
    answer = await town.alice.slash(town.channel, "imagine", prompt="a fox", **options)
    [said] = answer.followups
    assert said.ephemeral
    assert "controlnet and control_image" in said.content
    assert town.memory.jobs == {}


async def test_the_controlnets_that_workers_have_are_offered(town: Town) -> None:
    town.presence.steering = {"edges", "depth", "pose"}
    offered = await town.alice.autocomplete(town.channel, "imagine", "controlnet", "")
    assert [choice["value"] for choice in offered] == ["depth", "edges", "pose"]
    offered = await town.alice.autocomplete(town.channel, "imagine", "controlnet", "ED")
    assert [choice["value"] for choice in offered] == ["edges"]
    town.presence.is_silent = True
    assert await town.alice.autocomplete(town.channel, "imagine", "controlnet", "") == []


async def test_a_link_from_discord_itself_becomes_an_image_prompt(town: Town) -> None:
    town.links.pictures[CDN] = a_png()
    await town.alice.slash(town.channel, "imagine", prompt=f"<{CDN}> a fox --iw 2")
    job = town.newest_job()
    (upload,) = town.darkroom.store.uploads.values()
    assert upload.account_id == job.request.requester.account_id
    assert [one.upload_id for one in job.request.image_prompts] == [upload.id]


async def test_a_link_that_leads_nowhere_is_pointed_at_privately(town: Town) -> None:
    answer = await town.alice.slash(town.channel, "imagine", prompt=f"{CDN} a fox")
    [said] = answer.followups
    assert said.ephemeral
    assert "No picture came from this link" in said.content
    assert "^" in said.content
    assert town.memory.jobs == {}


async def test_a_dry_run_tells_of_a_link_and_fetches_nothing(town: Town) -> None:
    town.links.pictures[CDN] = a_png()
    answer = await town.alice.slash(town.channel, "imagine", prompt=f"{CDN} a fox --dry")
    said = "".join(one.content for one in answer.followups)
    assert "would be fetched and screened" in said
    assert town.links.asked == []
    assert town.memory.jobs == {}
