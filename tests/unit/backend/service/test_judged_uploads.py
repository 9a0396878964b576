"""Uploads are judged by the policy of the place they are given at, and of that they are used at."""

from dataclasses import replace
from typing import Any

import pytest
from PIL import Image

from backend.domain.errors import PictureBlocked
from backend.domain.judgements import PictureJudgement
from backend.domain.pictures import PictureUse
from backend.domain.requests import (
    ControlImage,
    ImagePrompt,
    Place,
    SourceImage,
)
from backend.service.policies import Policies
from safety.policy import DEFAULT_POLICY, NSFW, read_policy
from safety.verdict import Finding, Outcome
from tests.builders import a_request, a_requester, at
from tests.fakes.image_checks import EachByItself
from tests.fakes.link_servers import a_png
from tests.fakes.policies import MemoryGuildPolicies
from tests.fakes.services import FakeWorkshop

STRICT = 'version = 1\nid = "school"\n[scores]\nnsfw_review = 0.3\n'
GRADED = """
version = 1
id = "studio"
[[grades]]
restricted = true
scores = { nsfw_review = 0.75, nsfw_block = 0.95 }
[[grades]]
roles = ["4711"]
scores = { nsfw_review = 0.2 }
"""
HOUSE = 'version = 1\nid = "house-2"\nguilds_may_soften = ["nsfw_review", "nsfw_block"]\n'
SCHOOL, STUDIO, ELSEWHERE = (Place(guild_id=one, channel_id="1") for one in ("7", "8", "9"))
ADULTS = replace(STUDIO, is_age_restricted=True)
PUPIL = replace(STUDIO, roles=("12", "4711"))


class Explicit(EachByItself):
    """An `ImageCheck` that gives every picture one score."""

    name = NSFW

    def __init__(self, score: float) -> None:
        self._score = score

    def look(self, pixels: Image.Image) -> list[Finding]:
        return [Finding(check=NSFW, outcome=Outcome.ALLOW, score=self._score)]


async def a_workshop(score: float, *, house: str = "") -> FakeWorkshop:
    policy = read_policy(house) if house else DEFAULT_POLICY
    policies = Policies(house=policy, guilds=MemoryGuildPolicies(), clock=lambda: at(0))
    workshop = FakeWorkshop(policies=policies)
    workshop.darkroom.checks[:] = [Explicit(score)]
    return workshop


async def give(workshop: FakeWorkshop, place: Place | None) -> Any:
    return await workshop.services.uploads.add(a_png(), a_requester(place=place))


async def test_what_one_guild_holds_is_taken_in_elsewhere() -> None:
    workshop = await a_workshop(0.5)
    await workshop.policies.set(SCHOOL.guild_id, STRICT, author="ann")
    with pytest.raises(PictureBlocked) as refused:
        await give(workshop, SCHOOL)
    assert refused.value.category == "sexual"
    for place in (ELSEWHERE, None):
        upload = await give(workshop, place)
        assert upload.judgement is not None
        assert upload.judgement.policy == DEFAULT_POLICY.id
    screened = [one for one in workshop.memory.audit if one.action == "upload.screened"]
    assert [(one.outcome, one.detail["policy"]) for one in screened] == [
        ("block", "school"),
        ("allow", DEFAULT_POLICY.id),
        ("allow", DEFAULT_POLICY.id),
    ]
    assert screened[0].detail["policy_version"].startswith("1.")


async def test_the_deployments_own_policy_holds_over_rest() -> None:
    strict = 'version = 1\nid = "house-2"\n[scores]\nnsfw_review = 0.3\n'
    workshop = await a_workshop(0.5, house=strict)
    for place in (None, ELSEWHERE):
        with pytest.raises(PictureBlocked):
            await give(workshop, place)


async def test_grades_of_channel_and_role_count_for_uploads() -> None:
    workshop = await a_workshop(0.7, house=HOUSE)
    await workshop.policies.set(STUDIO.guild_id, GRADED, author="ann")
    assert (await give(workshop, ADULTS)).judgement is not None
    with pytest.raises(PictureBlocked):
        await give(workshop, STUDIO)
    milder = await a_workshop(0.25, house=HOUSE)
    await milder.policies.set(STUDIO.guild_id, GRADED, author="ann")
    assert (await give(milder, STUDIO)).judgement is not None
    with pytest.raises(PictureBlocked):
        await give(milder, PUPIL)


def naming(upload_id: Any, place: Place | None) -> list[Any]:
    """Return a request for each way in which an upload is given to a job."""
    requester = a_requester(place=place)
    return [
        a_request(requester=requester, source=SourceImage(upload_id=upload_id, strength=0.5)),
        a_request(requester=requester, image_prompts=(ImagePrompt(upload_id=upload_id, scale=1),)),
        a_request(
            requester=requester,
            image_prompts=(ImagePrompt(upload_id=upload_id, scale=1, use=PictureUse.STYLE),),
        ),
        a_request(
            requester=requester,
            controls=(ControlImage(upload_id=upload_id, controlnet="edges", scale=1),),
        ),
        a_request(f"a fox --sref {upload_id}", requester=requester),
    ]


async def test_what_was_let_in_at_one_place_is_judged_again_where_it_is_used() -> None:
    workshop = await a_workshop(0.7, house=HOUSE)
    await workshop.policies.set(STUDIO.guild_id, GRADED, author="ann")
    generations = workshop.services.generations
    upload = await give(workshop, ADULTS)
    for place in (STUDIO, SCHOOL, PUPIL, None):
        for request in naming(upload.id, place):
            with pytest.raises(PictureBlocked):
                await generations.submit(request)
    assert workshop.memory.jobs == {}
    for request in naming(upload.id, ADULTS):
        await generations.submit(request)
    assert len(workshop.memory.jobs) == 5


async def test_a_stricter_policy_holds_for_what_was_taken_in_before() -> None:
    workshop = await a_workshop(0.5)
    upload = await give(workshop, SCHOOL)
    await workshop.policies.set(SCHOOL.guild_id, STRICT, author="ann")
    with pytest.raises(PictureBlocked):
        await workshop.services.generations.submit(naming(upload.id, SCHOOL)[0])


async def test_an_upload_of_an_older_release_is_used_as_it_was() -> None:
    workshop = await a_workshop(0.5)
    upload = await give(workshop, None)
    workshop.darkroom.store.uploads[upload.id] = replace(upload, judgement=None)
    await workshop.policies.set(SCHOOL.guild_id, STRICT, author="ann")
    job = (await workshop.services.generations.submit(naming(upload.id, SCHOOL)[0])).job
    assert job.request.source is not None


async def test_only_what_checks_found_is_kept_of_a_picture() -> None:
    workshop = await a_workshop(0.5)
    kept = (await give(workshop, None)).judgement
    assert isinstance(kept, PictureJudgement)
    [[found]] = kept.pictures
    assert (found.check, found.outcome, found.score) == (NSFW, "allow", 0.5)
