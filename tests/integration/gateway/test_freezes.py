"""A freeze, as it is seen from outside: everything of the account stops with one commit."""

from yarl import URL

from backend.domain.jobs import JobState
from backend.domain.requests import AccountId, JobId
from tests.integration.gateway.workshop import Workshop

ALICE = AccountId("api:alice")
# One of each kind of what a key lets its holder do.
READS = ("/v1/generations", "/v1/account/standing", "/v1/preferences", "/v1/models")


async def freeze(workshop: Workshop) -> None:
    await workshop.services.moderation.standings.freeze(ALICE, "child_safety")


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

    await workshop.services.moderation.standings.thaw(ALICE, by="operator:ann", reason="checked")
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

    await workshop.services.moderation.standings.thaw(ALICE, by="operator:ann", reason="checked")
    for link in links:
        assert (await workshop.client.get(link)).status == 200


async def test_nobody_gets_a_fresh_link_to_what_a_frozen_account_had_drawn(workshop: Workshop):
    job_id = await workshop.create()
    await workshop.deliver(job_id)
    _, secret = await workshop.services.accounts.create_key("mod", is_moderator=True)
    moderator = {"Authorization": f"Bearer {secret}"}
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
