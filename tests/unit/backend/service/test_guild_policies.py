"""A guild's policy from the document to what becomes of a prompt, by the real checks."""

from dataclasses import replace

import pytest

from backend.domain.families import ModelFamily
from backend.domain.jobs import JobState
from backend.domain.requests import Place
from backend.prompt.judging import SafetyScreen
from backend.service.policies import Policies, ScreensByPolicy
from backend.service.reader import Reader
from safety.policy import DEFAULT_POLICY
from safety.prompt_checks import open_prompt_checks, rules_version
from tests.builders import a_request, a_requester, a_worker, at
from tests.fakes.policies import MemoryGuildPolicies
from tests.fakes.services import FakeWorkshop

STRICT = 'version = 1\nid = "school"\n[at_least]\nliving_artist = "review"'
NAMED = "portrait by greg rutkowski"
SCHOOL, STUDIO = (Place(guild_id=guild, channel_id="1") for guild in ("7", "8"))


@pytest.fixture(scope="module")
def screen():
    return SafetyScreen(checks=open_prompt_checks(), policy=DEFAULT_POLICY, rules=rules_version())


@pytest.fixture
def policies():
    return Policies(house=DEFAULT_POLICY, guilds=MemoryGuildPolicies(), clock=lambda: at(0))


@pytest.fixture
def workshop(screen, policies):
    workshop = FakeWorkshop()
    workshop.services.generations._reader = Reader(
        screens=ScreensByPolicy(screen, policies), fleet=workshop.fleet
    )
    return workshop


async def submitted(workshop, place, prompt=NAMED):
    request = a_request(prompt, requester=a_requester(place=place))
    return (await workshop.services.generations.submit(request)).job


async def test_the_same_prompt_is_held_in_one_guild_and_drawn_everywhere_else(workshop, policies):
    await policies.set("7", STRICT, author="ann")
    held = await submitted(workshop, SCHOOL)
    assert (held.state, held.block.category) == (JobState.BLOCKED, "living_artist")
    for place in (STUDIO, None):
        assert (await submitted(workshop, place)).state is JobState.QUEUED


async def test_a_job_remembers_by_which_policy_and_version_of_it_it_was_judged(workshop, policies):
    first = await submitted(workshop, SCHOOL)
    await policies.set("7", STRICT, author="ann")
    second = await submitted(workshop, SCHOOL)
    assert (first.judgement.policy, first.judgement.version) == (
        DEFAULT_POLICY.id,
        DEFAULT_POLICY.version,
    )
    assert second.judgement.policy == "school"
    assert second.judgement.version.startswith("1.")
    assert second.judgement.rules == rules_version()


async def test_a_change_holds_from_the_next_prompt_on(workshop, policies):
    await policies.set("7", STRICT, author="ann")
    assert (await submitted(workshop, SCHOOL)).state is JobState.BLOCKED
    await policies.unset("7", author="ann")
    assert (await submitted(workshop, SCHOOL)).state is JobState.QUEUED


async def test_a_dry_run_is_judged_by_the_policy_of_its_place(screen, policies, workshop):
    await policies.set("7", STRICT, author="ann")
    reader = Reader(screens=ScreensByPolicy(screen, policies), fleet=workshop.fleet)
    for place, outcome in ((SCHOOL, "review"), (STUDIO, "allow")):
        request = a_request(NAMED, requester=a_requester(place=place), family=ModelFamily.SDXL)
        _, (understood,) = await reader.read(request)
        assert understood.verdict.outcome == outcome


async def test_a_worker_is_told_the_policy_of_the_place_that_a_job_comes_from(hall):
    document = 'version = 1\nid = "school"\n[scores]\nnsfw_review = 0.3'
    await hall.policies.set("7", document, author="ann")
    ids = [
        await hall.enter(request=a_request(requester=a_requester(place=place)))
        for place in (SCHOOL, STUDIO)
    ]
    sent = {one.message.job_id: one.message for one in await hall.lease(a_worker(wants=2))}
    school, studio = (sent[job_id] for job_id in ids)
    assert (school.policy.id, school.policy.scores["nsfw_review"]) == ("school", 0.3)
    assert school.policy.version.startswith("1.")
    assert studio.policy is None


async def test_a_role_is_held_to_more_than_the_others_are(workshop, policies):
    document = """
version = 1
id = "school"
[[grades]]
roles = ["4712"]
at_least = { living_artist = "review" }
"""
    await policies.set("7", document, author="ann")
    newcomer = replace(SCHOOL, roles=("1", "4712"))
    held = await submitted(workshop, newcomer)
    assert (held.state, held.block.category) == (JobState.BLOCKED, "living_artist")
    for place in (SCHOOL, replace(SCHOOL, roles=("1",)), replace(STUDIO, roles=("4712",))):
        assert (await submitted(workshop, place)).state is JobState.QUEUED
