"""Appeals, reports, decisions and removals over REST, and the form that needs no account."""

import base64
import io
import re

import pytest
from aiohttp import ClientResponse, FormData
from PIL import Image
from yarl import URL

from backend.delivery.listed_pictures import VettedPictures
from backend.domain.requests import AccountId, JobId
from safety.errors import HashListsInvalid
from safety.hash_list import HashList
from tests.builders import a_requester
from tests.integration.gateway.workshop import Workshop


@pytest.fixture
async def moderator(workshop: Workshop) -> dict[str, str]:
    _, secret = await workshop.services.accounts.create_key("mod", is_moderator=True)
    return {"Authorization": f"Bearer {secret}"}


async def held(workshop: Workshop) -> str:
    response = await workshop.client.post(
        "/v1/generations", json={"prompt": "forbidden"}, headers=workshop.alice
    )
    return str((await response.json())["request_id"])


async def delivered(workshop: Workshop) -> str:
    job_id = await workshop.create(prompt="a fox", n=2)
    await workshop.deliver(job_id, count=2)
    return str(job_id)


async def post(workshop: Workshop, path: str, headers: dict[str, str], **body: object) -> tuple:
    response = await workshop.client.post(path, json=body, headers=headers)
    return response.status, await response.json()


async def the_review(workshop: Workshop, moderator: dict[str, str]) -> dict:
    listed = await (await workshop.client.get("/v1/reviews", headers=moderator)).json()
    (review,) = listed["data"]
    return review


async def test_an_appeal_is_overturned_and_the_job_is_in_line_again(
    workshop: Workshop, moderator: dict[str, str]
) -> None:
    job_id = await held(workshop)
    path = f"/v1/generations/{job_id}/appeal"
    status, told = await post(workshop, path, workshop.alice, reason="a nature film")
    assert (status, told["state"]) == (201, "open")
    assert told["answer_by"].startswith("2026-01-04T12:00")
    review = await the_review(workshop, moderator)
    assert (review["appeal"], review["generation_id"]) == ("a nature film", job_id)
    path = f"/v1/reviews/{review['id']}/decision"
    status, decided = await post(workshop, path, moderator, decision="approve")
    assert (status, decided["state"]) == (200, "released")
    shown = await workshop.client.get(f"/v1/generations/{job_id}", headers=workshop.alice)
    assert (await shown.json())["status"] == "queued"
    rules = await (await workshop.client.get("/v1/reviews/rules", headers=moderator)).json()
    assert [(rule["overturned"], rule["precision"]) for rule in rules["data"]] == [(1, 0.0)]
    assert rules["data"][0]["interval"] == pytest.approx([0.0, 0.7935], abs=1e-4)


async def test_a_second_appeal_and_somebody_elses_are_refused(workshop: Workshop) -> None:
    path = f"/v1/generations/{await held(workshop)}/appeal"
    assert (await post(workshop, path, workshop.bob, reason="x"))[0] == 404
    assert (await post(workshop, path, workshop.alice, reason="x"))[0] == 201
    status, problem = await post(workshop, path, workshop.alice, reason="y")
    assert (status, problem["code"]) == (409, "appeal_repeated")


@pytest.mark.parametrize("path", ["/v1/reviews", "/v1/reviews/rules", "/v1/removal-requests"])
async def test_only_keys_that_moderate_see_what_moderators_see(
    workshop: Workshop, path: str
) -> None:
    response = await workshop.client.get(path, headers=workshop.alice)
    assert (response.status, (await response.json())["code"]) == (403, "moderators_only")


async def test_a_decision_that_bans_ends_what_its_asker_has_in_line(
    workshop: Workshop, moderator: dict[str, str]
) -> None:
    await held(workshop)
    waiting = await workshop.create(prompt="an owl")
    review = await the_review(workshop, moderator)
    path = f"/v1/reviews/{review['id']}/decision"
    body = {"decision": "keep", "measure": "ban", "reason": "spam"}
    assert (await post(workshop, path, moderator, **body))[0] == 200
    shown = await workshop.client.get(f"/v1/generations/{waiting}", headers=workshop.alice)
    assert (await shown.json())["status"] == "cancelled"
    standing = await workshop.services.moderation.standings.standing_of(AccountId("api:alice"))
    assert standing.is_barred


async def test_a_reported_picture_is_removed_with_all_links_dead(
    workshop: Workshop, moderator: dict[str, str]
) -> None:
    job_id = await delivered(workshop)
    shown = await workshop.client.get(f"/v1/generations/{job_id}", headers=workshop.alice)
    links = [image["url"] for image in (await shown.json())["images"]]
    path = f"/v1/generations/{job_id}/images/0/reports"
    assert (await post(workshop, path, workshop.bob, reason="my face"))[0] == 201
    assert (await post(workshop, path, workshop.bob))[1]["code"] == "report_repeated"
    review = await the_review(workshop, moderator)
    assert (review["kind"], review["picture"], review["words"]) == ("report", 0, "my face")
    await workshop.client.get(f"/v1/reviews/{review['id']}", headers=moderator)
    assert workshop.audit[-1].action == "review.viewed"
    path = f"/v1/reviews/{review['id']}/decision"
    status, decided = await post(workshop, path, moderator, decision="remove", reason="theirs")
    assert (status, decided["state"]) == (200, "removed")
    statuses = [
        (await workshop.client.get(link.removeprefix("http://pictures.test"))).status
        for link in links
    ]
    assert statuses == [404, 200]
    shown = await workshop.client.get(f"/v1/generations/{job_id}", headers=workshop.alice)
    assert [image["index"] for image in (await shown.json())["images"]] == [1]


async def test_each_place_of_a_removal_is_told_with_its_proof(
    workshop: Workshop, moderator: dict[str, str]
) -> None:
    job_id = await delivered(workshop)
    path = f"/v1/generations/{job_id}/images/1/removal"
    assert (await post(workshop, path, workshop.alice))[0] == 403
    status, told = await post(workshop, path, moderator, reason="x")
    assert (status, told["is_finished"]) == (202, True)
    assert {place["kind"] for place in told["places"]} >= {"gallery", "object"}
    assert all(place["gone_at"] and place["proof"] for place in told["places"])


async def test_anybody_asks_for_a_removal_by_the_form_and_reads_what_became_of_it(
    workshop: Workshop, moderator: dict[str, str]
) -> None:
    job_id = await delivered(workshop)
    page = await workshop.client.get("/removal")
    assert (page.status, page.content_type) == (200, "text/html")
    form = FormData({"link": f"https://x.test/{job_id}/1", "words": "<b>me</b>", "name": ""})
    form.add_field("picture", b"", filename="")
    answer = await workshop.client.post("/removal", data=form, allow_redirects=False)
    assert answer.status == 303, await answer.text()
    state = await workshop.client.get(answer.headers["Location"])
    text = await state.text()
    assert "A person looks at it." in text
    assert "answered by 2026-01-03 12:00 UTC" in text
    review = await the_review(workshop, moderator)
    assert (review["kind"], review["picture"]) == ("request", 1)
    assert review["answer_by"].startswith("2026-01-03T12:00")
    path = f"/v1/reviews/{review['id']}/decision"
    await post(workshop, path, moderator, decision="remove")
    assert (
        "removed everywhere" in await (await workshop.client.get(answer.headers["Location"])).text()
    )
    listed = await (await workshop.client.get("/v1/removal-requests", headers=moderator)).json()
    assert [(one["state"], one["words"]) for one in listed["data"]] == [("removed", "<b>me</b>")]


async def test_the_same_as_json_with_a_picture_that_is_not_here(workshop: Workshop) -> None:
    buffer = io.BytesIO()
    Image.effect_noise((96, 96), 50).convert("RGB").save(buffer, format="PNG")
    body = {"picture": base64.b64encode(buffer.getvalue()).decode(), "words": "me"}
    status, told = await post(workshop, "/v1/removal-requests", {}, **body)
    assert (status, told["state"], told["matches"]) == (201, "not_found", 0)
    secret = told["status_url"].rpartition("/")[2]
    shown = await workshop.client.get(f"/v1/removal-requests/{secret}")
    assert (await shown.json())["id"] == told["id"]
    assert (await workshop.client.get("/v1/removal-requests/none")).status == 404


async def test_a_request_that_names_no_picture_is_refused(workshop: Workshop) -> None:
    status, problem = await post(workshop, "/v1/removal-requests", {}, words="me")
    assert (status, problem["code"]) == (422, "removal_request_empty")


async def test_a_form_that_names_no_picture_comes_back_with_a_sentence(workshop: Workshop) -> None:
    form = FormData({"words": "<b>me</b>", "link": "https://x.test/a-picture"})
    form.add_field("picture", b"", filename="")
    answer = await workshop.client.post("/removal", data=form)
    assert (answer.status, answer.content_type) == (422, "text/html")
    text = await answer.text()
    assert "This names no picture." in text
    # Nothing has to be typed again, and nothing that was typed is markup.
    assert 'value="https://x.test/a-picture"' in text
    assert "&lt;b&gt;me&lt;/b&gt;</textarea>" in text


async def test_who_has_lost_the_link_of_a_request_reads_a_page_with_a_way_back(
    workshop: Workshop,
) -> None:
    answer = await workshop.client.get("/removal/none")
    assert (answer.status, answer.content_type) == (404, "text/html")
    text = await answer.text()
    assert "Use the whole link you were given." in text
    assert '<a href="/removal">' in text


async def test_a_picture_that_is_too_large_is_told_in_words(workshop: Workshop) -> None:
    form = FormData()
    form.add_field("picture", io.BytesIO(b"x" * 11_000_000), filename="a.png")
    answer = await workshop.client.post("/removal", data=form)
    assert answer.status == 413
    assert "This is larger than what is taken in here." in await answer.text()


async def test_what_only_a_machine_fills_in_leads_nowhere(workshop: Workshop) -> None:
    job_id = await delivered(workshop)
    form = FormData({"link": job_id, "name": "Robot"})
    form.add_field("picture", b"", filename="")
    answer = await workshop.client.post("/removal", data=form, allow_redirects=False)
    assert answer.status == 200
    store = workshop.services.moderation.requests
    assert await store.all(a_requester("mod", is_moderator=True)) == []


async def test_a_form_that_another_site_sends_is_refused(workshop: Workshop) -> None:
    form = FormData({"link": "gen_0"})
    form.add_field("picture", b"", filename="")
    headers = {"Sec-Fetch-Site": "cross-site"}
    answer = await workshop.client.post("/removal", data=form, headers=headers)
    assert answer.status == 400
    assert "Another site sent this." in await answer.text()


async def test_an_address_that_asks_very_often_is_told_to_wait(workshop: Workshop) -> None:
    statuses = [
        (await post(workshop, "/v1/removal-requests", {}, link="gen_" + "0" * 20))[0]
        for _ in range(8)
    ]
    assert statuses.count(201) == 5
    assert statuses[-1] == 429


async def test_the_page_has_neither_script_nor_a_way_into_a_frame(workshop: Workshop) -> None:
    page = await workshop.client.get("/removal")
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "form-action 'self'" in policy
    assert not re.search(r"<script|style=", await page.text())


async def test_a_removal_of_nothing_is_a_404(workshop: Workshop, moderator: dict[str, str]) -> None:
    path = f"/v1/generations/{JobId('gen_none')}/images/0/removal"
    assert (await post(workshop, path, moderator))[0] == 404


async def reported(workshop: Workshop, moderator: dict[str, str]) -> dict:
    job_id = await delivered(workshop)
    path = f"/v1/generations/{job_id}/images/1/reports"
    await post(workshop, path, workshop.bob, reason="my face")
    return await the_review(workshop, moderator)


async def test_a_reported_picture_is_looked_at_veiled_first_and_clear_at_a_wish(
    workshop: Workshop, moderator: dict[str, str]
) -> None:
    review = await reported(workshop, moderator)
    assert review["picture_url"] == f"/v1/reviews/{review['id']}/picture"
    for query, expected in (("", b"veiled thumbnail_512 1"), ("?view=clear", b"webp 1")):
        response = await workshop.client.get(review["picture_url"] + query, headers=moderator)
        assert await response.read() == expected
        assert response.headers["Cache-Control"] == "private, no-store"
        assert response.content_type == "image/webp"
    assert [
        (entry.actor, entry.subject, entry.detail["view"])
        for entry in workshop.audit
        if entry.action == "picture.viewed"
    ] == [
        ("api:mod", f"review:{review['id']}", "veiled"),
        ("api:mod", f"review:{review['id']}", "clear"),
    ]


async def test_members_look_at_no_reported_picture(
    workshop: Workshop, moderator: dict[str, str]
) -> None:
    url = (await reported(workshop, moderator))["picture_url"]
    for query in ("", "?view=clear", "?view=everything"):
        response = await workshop.client.get(url + query, headers=workshop.bob)
        assert response.status in (403, 422)
    assert not [entry for entry in workshop.audit if entry.action == "picture.viewed"]


async def test_what_is_held_has_no_picture_to_look_at(
    workshop: Workshop, moderator: dict[str, str]
) -> None:
    await held(workshop)
    review = await the_review(workshop, moderator)
    assert review["picture_url"] is None
    path = f"/v1/reviews/{review['id']}/picture"
    response = await workshop.client.get(path, headers=moderator)
    assert (await response.json())["code"] == "decision_impossible"


async def test_the_picture_of_a_frozen_account_is_looked_at_by_nobody(
    workshop: Workshop, moderator: dict[str, str]
) -> None:
    url = (await reported(workshop, moderator))["picture_url"]
    standings = workshop.services.moderation.standings
    await standings.freeze(AccountId("api:alice"), "child_safety")
    for query in ("", "?view=clear"):
        response = await workshop.client.get(url + query, headers=moderator)
        assert (response.status, (await response.json())["code"]) == (404, "job_not_found")


async def test_the_key_of_a_banned_moderator_decides_nothing(
    workshop: Workshop, moderator: dict[str, str]
) -> None:
    job_id = await held(workshop)
    review = await the_review(workshop, moderator)
    other = a_requester("other-mod", is_moderator=True)
    standings = workshop.services.moderation.standings
    await standings.ban(AccountId("api:mod"), reason="spam", by=other)
    path = f"/v1/reviews/{review['id']}/decision"
    status, problem = await post(workshop, path, moderator, decision="approve")
    assert (status, problem["code"]) == (403, "account_banned")
    for path in ("/v1/reviews", "/v1/reviews/rules", "/v1/removal-requests", "/v1/safety-reports"):
        response = await workshop.client.get(path, headers=moderator)
        assert (response.status, (await response.json())["code"]) == (403, "account_banned")
    seen = await workshop.client.get(f"/v1/generations/{job_id}", headers=moderator)
    assert seen.status == 404
    shown = await workshop.client.get(f"/v1/generations/{job_id}", headers=workshop.alice)
    assert (await shown.json())["status"] == "blocked"


async def ask_by_form(workshop: Workshop, picture: bytes = b"", **fields: str) -> ClientResponse:
    form = FormData(fields)
    form.add_field("picture", picture, filename="a.png" if picture else "")
    return await workshop.client.post("/removal", data=form, allow_redirects=False)


async def test_a_signed_link_to_any_file_of_a_picture_names_it_and_so_it_does_when_it_has_expired(
    workshop: Workshop, moderator: dict[str, str]
) -> None:
    job_id = await delivered(workshop)
    shown = await workshop.client.get(
        f"/v1/images/{job_id}/1?format=avif", headers=workshop.alice, allow_redirects=False
    )
    link = shown.headers["Location"]
    assert job_id not in link
    workshop.clock.pass_s(2 * 24 * 3600)
    assert (await workshop.client.get(URL(link).path_qs)).status == 403
    answer = await ask_by_form(workshop, link=link, words="me")
    assert answer.status == 303, await answer.text()
    review = await the_review(workshop, moderator)
    assert (review["generation_id"], review["picture"]) == (job_id, 1)
    # The same over REST, of another file of it.
    jobs = await workshop.services.generations.snapshot(JobId(job_id))
    for key in jobs.job.images[1].keys.values():
        body = {"link": f"https://cdn.test/{key}?verify=1-x"}
        status, told = await post(workshop, "/v1/removal-requests", {}, **body)
        assert status in (201, 429)
        assert status == 429 or told["matches"] == 1


async def test_too_many_forms_are_answered_by_a_page_that_says_when_to_come_back(
    workshop: Workshop,
) -> None:
    answers = [await ask_by_form(workshop, link="gen_" + "0" * 20) for _ in range(7)]
    last = answers[-1]
    assert (last.status, last.content_type) == (429, "text/html")
    text = await last.text()
    assert "Too many requests came from your address. Try again in" in text
    assert "<form" in text
    assert int(last.headers["Retry-After"]) > 0


async def test_every_refusal_of_the_form_is_a_page_with_the_form_again(workshop: Workshop) -> None:
    requests = workshop.services.moderation.requests

    def no_lists() -> list[HashList]:
        raise HashListsInvalid("lists.toml cannot be read")

    requests._listed = VettedPictures(open_lists=no_lists)
    buffer = io.BytesIO()
    Image.effect_noise((96, 96), 50).convert("RGB").save(buffer, format="PNG")
    refused = {
        "held back": (400, await ask_by_form(workshop, buffer.getvalue())),
        "not a picture": (422, await ask_by_form(workshop, b"no picture")),
        "other fields": (422, await ask_by_form(workshop, colour="red")),
        "multipart/form-data": (415, await workshop.client.post("/removal", json={})),
    }
    for sentence, (status, answer) in refused.items():
        text = await answer.text()
        assert (answer.status, answer.content_type) == (status, "text/html"), text
        assert sentence in text
        assert "<form" in text
        assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    gone = await workshop.client.get("/removal/nobodys")
    assert (gone.status, gone.content_type) == (404, "text/html")
    assert "There is no such request." in await gone.text()
