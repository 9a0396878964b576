"""A freeze, as it is seen from outside: everything of the account stops with one commit."""

from dataclasses import replace

from yarl import URL

from backend.domain.child_safety import SafetyReport
from backend.domain.jobs import JobState
from backend.domain.requests import AccountId, JobId
from tests.builders import NOW
from tests.integration.gateway.workshop import Workshop

ALICE = AccountId("api:alice")
# One of each kind of what a key lets its holder do.
READS = ("/v1/generations", "/v1/account/standing", "/v1/preferences", "/v1/models")


# What the age estimator and a network found together: it may be wrong.
ESTIMATE = SafetyReport(
    id="gen_1", account_id=ALICE, found_at=NOW, rule="child_safety.age_in_picture", score=0.5
)
COPY = replace(ESTIMATE, id="gen_2", rule="known.test-bank", list_name="test-bank", distance=3)


async def freeze(workshop: Workshop, report: SafetyReport = ESTIMATE) -> None:
    await workshop.child_safety.open(report)


async def let_in(workshop: Workshop) -> None:
    safety = workshop.services.moderation.safety
    await safety.release(ESTIMATE.id, by="operator:ann", reason="a lamp")


async def member(workshop: Workshop, name: str, *, is_moderator: bool = True) -> dict[str, str]:
    accounts = workshop.services.accounts
    _, secret = await accounts.create_key(name, is_moderator=is_moderator)
    return {"Authorization": f"Bearer {secret}"}


async def code_of(workshop: Workshop, path: str, headers: dict[str, str]) -> tuple[int, str]:
    response = await workshop.client.get(path, headers=headers, allow_redirects=False)
    return response.status, (await response.json()).get("code", "")


async def test_every_key_of_a_frozen_account_is_refused_until_it_is_lifted(workshop: Workshop):
    _, second = await workshop.services.accounts.create_key("alice")
    keys = (workshop.alice, {"Authorization": f"Bearer {second}"})
    await freeze(workshop)
    for headers in keys:
        for path in READS:
            assert await code_of(workshop, path, headers) == (403, "account_frozen")
        response = await workshop.client.post(
            "/v1/generations", json={"prompt": "a fox"}, headers=headers
        )
        assert (response.status, (await response.json())["code"]) == (403, "account_frozen")
    assert (await workshop.client.get(READS[0], headers=workshop.bob)).status == 200

    await let_in(workshop)
    for headers in keys:
        assert (await workshop.client.get(READS[0], headers=headers)).status == 200


async def test_a_key_that_was_made_during_the_freeze_is_as_dead_as_the_others(workshop: Workshop):
    await freeze(workshop)
    _, secret = await workshop.services.accounts.create_key("alice")
    headers = {"Authorization": f"Bearer {secret}"}
    assert await code_of(workshop, READS[0], headers) == (403, "account_frozen")


async def test_links_to_pictures_of_a_frozen_account_are_dead_until_it_is_lifted(
    workshop: Workshop,
):
    job_id = await workshop.create()
    await workshop.deliver(job_id)
    response = await workshop.client.get(f"/v1/generations/{job_id}", headers=workshop.alice)
    (image,) = (await response.json())["images"]
    urls = [image["url"], *image["thumbnails"].values(), *image["formats"].values()]
    links = [URL(url).relative() for url in urls]
    assert len(links) > 3
    for link in links:
        assert (await workshop.client.get(link)).status == 200

    await freeze(workshop)
    for link in links:
        dead = await workshop.client.get(link)
        assert (dead.status, (await dead.json())["code"]) == (403, "link_refused")

    await let_in(workshop)
    for link in links:
        assert (await workshop.client.get(link)).status == 200


async def test_nobody_gets_a_fresh_link_to_what_a_frozen_account_had_drawn(workshop: Workshop):
    job_id = await workshop.create()
    await workshop.deliver(job_id)
    moderator = await member(workshop, "mod")
    assert (await workshop.client.get(f"/v1/generations/{job_id}", headers=moderator)).status == 200
    await freeze(workshop)
    for path in (f"/v1/generations/{job_id}", f"/v1/images/{job_id}/0"):
        assert await code_of(workshop, path, moderator) == (404, "job_not_found")


async def test_queued_and_running_work_of_a_frozen_account_ends_and_its_workers_are_told(
    workshop: Workshop,
):
    queued, running = await workshop.create(), await workshop.create()
    await workshop.start(running)
    await freeze(workshop)
    jobs = await workshop.jobs.many([JobId(queued), JobId(running)])
    assert {job.state for job in jobs.values()} == {JobState.CANCELLED}
    assert workshop.flags.raised >= {queued, running}


async def test_a_named_moderator_lists_estimates_and_releases_one_with_a_reason(
    workshop: Workshop,
):
    await freeze(workshop)
    await freeze(workshop, replace(COPY, account_id=AccountId("api:bob")))
    reviewer = await member(workshop, "safety-reviewer")
    listed = await workshop.client.get("/v1/safety-reports", headers=reviewer)
    (facts,) = (await listed.json())["data"]
    assert facts == {
        "object": "safety_report",
        "id": "gen_1",
        "account": ALICE,
        "found_at": NOW.isoformat(),
        "basis": "estimate",
        "rule": "child_safety.age_in_picture",
        "score": 0.5,
        "state": "to_report",
        "is_released": False,
    }
    path = "/v1/safety-reports/gen_1/release"
    assert (await workshop.client.post(path, json={}, headers=reviewer)).status == 422
    body = {"reason": "a drawing of a lamp"}
    released = await workshop.client.post(path, json=body, headers=reviewer)
    assert (await released.json())["is_released"] is True
    assert (await workshop.client.get(READS[0], headers=workshop.alice)).status == 200
    assert await code_of(workshop, READS[0], workshop.bob) == (403, "account_frozen")
    assert (await (await workshop.client.get("/v1/safety-reports", headers=reviewer)).json())[
        "data"
    ] == []


async def test_other_moderators_and_members_see_and_release_nothing(workshop: Workshop):
    await freeze(workshop)
    for name, is_moderator in (("mod", True), ("safety-reviewer", False)):
        headers = await member(workshop, name, is_moderator=is_moderator)
        assert await code_of(workshop, "/v1/safety-reports", headers) == (403, "moderators_only")
        refused = await workshop.client.post(
            "/v1/safety-reports/gen_1/release", json={"reason": "x"}, headers=headers
        )
        assert (refused.status, (await refused.json())["code"]) == (403, "moderators_only")
    assert await code_of(workshop, READS[0], workshop.alice) == (403, "account_frozen")


async def test_a_copy_of_a_listed_picture_is_released_by_the_operator_alone(workshop: Workshop):
    await freeze(workshop, COPY)
    reviewer = await member(workshop, "safety-reviewer")
    refused = await workshop.client.post(
        "/v1/safety-reports/gen_2/release", json={"reason": "x"}, headers=reviewer
    )
    assert (await refused.json())["code"] == "decision_impossible"
    assert await code_of(workshop, READS[0], workshop.alice) == (403, "account_frozen")
    safety = workshop.services.moderation.safety
    await safety.release("gen_2", by="operator:ann", reason="the list's entry was withdrawn")
    assert (await workshop.client.get(READS[0], headers=workshop.alice)).status == 200
