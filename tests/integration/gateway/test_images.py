"""Pictures over HTTP: the owner's redirect, and the signed links of the local store."""

import pytest
from yarl import URL

from tests.integration.gateway.workshop import Workshop, open_workshop


async def _link(workshop: Workshop) -> URL:
    job_id = await workshop.create()
    await workshop.deliver(job_id)
    response = await workshop.client.get(
        f"/v1/images/{job_id}/0", headers=workshop.alice, allow_redirects=False
    )
    assert response.status == 302
    assert response.headers["Cache-Control"] == "private, no-store"
    return URL(response.headers["Location"]).relative()


async def test_the_owner_is_sent_to_a_link_that_needs_no_key(workshop: Workshop) -> None:
    response = await workshop.client.get(await _link(workshop))
    assert response.status == 200
    assert await response.read() == b"original 0"
    assert response.content_type == "image/png"
    assert "immutable" in response.headers["Cache-Control"]
    assert "sandbox" in response.headers["Content-Security-Policy"]


@pytest.mark.parametrize("variant", ["original", "webp", "thumbnail_256", "thumbnail_512"])
async def test_each_file_of_a_picture_can_be_asked_for(workshop: Workshop, variant: str) -> None:
    job_id = await workshop.create()
    await workshop.deliver(job_id)
    response = await workshop.client.get(
        f"/v1/images/{job_id}/0?variant={variant}", headers=workshop.alice, allow_redirects=False
    )
    picture = await workshop.client.get(URL(response.headers["Location"]).relative())
    assert await picture.read() == f"{variant} 0".encode()


async def test_a_head_request_answers_without_a_body(workshop: Workshop) -> None:
    response = await workshop.client.head(await _link(workshop))
    assert response.status == 200
    assert response.headers["Content-Length"] == "10"
    assert await response.read() == b""


async def test_a_known_picture_is_not_sent_again(workshop: Workshop) -> None:
    link = await _link(workshop)
    etag = (await workshop.client.get(link)).headers["ETag"]
    response = await workshop.client.get(link, headers={"If-None-Match": etag})
    assert response.status == 304


@pytest.mark.parametrize(
    "alter",
    [
        lambda link: link.update_query(sig="x" + link.query["sig"][1:]),
        lambda link: link.update_query(sig=""),
        lambda link: link.update_query(sig="ü"),
        lambda link: link.update_query(exp="99999999999"),
        lambda link: link.update_query(exp="soon"),
        lambda link: link.update_query(kid="k2"),
        lambda link: link.with_query(None),
        lambda link: link.with_path(link.path.replace("original", "webp"), keep_query=True),
        lambda link: link.with_path("/images/quarantine/x.png", keep_query=True),
    ],
)
async def test_an_altered_link_is_refused(workshop: Workshop, alter: object) -> None:
    link = await _link(workshop)
    response = await workshop.client.get(alter(link))  # type: ignore[operator]
    assert response.status == 403
    assert (await response.json())["code"] == "link_refused"
    assert "immutable" not in response.headers["Cache-Control"]


@pytest.mark.parametrize("path", ["..%2F..%2Fetc%2Fpasswd", "images/%2e%2e/x", "%00", "a" * 2000])
async def test_no_path_leads_out_of_the_store(workshop: Workshop, path: str) -> None:
    link = await _link(workshop)
    url = URL(f"/images/{path}?{link.raw_query_string}", encoded=True)
    response = await workshop.client.get(url)
    assert response.status in (403, 404)


async def test_a_link_ends_after_its_hour(workshop: Workshop) -> None:
    link = await _link(workshop)
    workshop.clock.pass_s(3599)
    assert (await workshop.client.get(link)).status == 200
    workshop.clock.pass_s(62)
    assert (await workshop.client.get(link)).status == 403


async def test_a_picture_that_is_gone_is_not_there(workshop: Workshop) -> None:
    link = await _link(workshop)
    workshop.objects.delete(link.path.removeprefix("/images/"))
    response = await workshop.client.get(link)
    assert response.status == 404
    assert (await response.json())["code"] == "image_not_found"


async def test_somebody_elses_picture_is_not_there(workshop: Workshop) -> None:
    job_id = await workshop.create()
    await workshop.deliver(job_id)
    response = await workshop.client.get(f"/v1/images/{job_id}/0", headers=workshop.bob)
    assert response.status == 404


@pytest.mark.parametrize("index", ["1", "-1", "x", "²", "99999999999999"])
async def test_a_picture_that_was_not_drawn_is_not_there(workshop: Workshop, index: str) -> None:
    job_id = await workshop.create()
    await workshop.deliver(job_id)
    response = await workshop.client.get(f"/v1/images/{job_id}/{index}", headers=workshop.alice)
    assert response.status == 404
    assert (await response.json())["code"] == "image_not_found"


async def test_a_job_without_pictures_says_wait(workshop: Workshop) -> None:
    job_id = await workshop.create()
    response = await workshop.client.get(f"/v1/images/{job_id}/0", headers=workshop.alice)
    assert response.status == 409
    assert (await response.json())["code"] == "job_not_delivered"
    assert "Retry-After" in response.headers


async def test_an_unknown_variant_is_refused(workshop: Workshop) -> None:
    job_id = await workshop.create()
    await workshop.deliver(job_id)
    response = await workshop.client.get(
        f"/v1/images/{job_id}/0?variant=huge", headers=workshop.alice
    )
    assert response.status == 422


async def test_links_of_an_https_house_pin_https(tmp_path: object) -> None:
    async with open_workshop(objects_folder=tmp_path, public_url="https://pictures.test") as opened:
        response = await opened.client.get("/healthz")
    assert response.headers["Strict-Transport-Security"]


@pytest.mark.parametrize(
    ("query", "accept", "sent"),
    [
        ("?format=avif", "", "avif 0"),
        ("?format=png", "image/avif", "original 0"),
        ("", "image/avif,image/webp,*/*;q=0.8", "avif 0"),
        ("", "image/jpeg", "jpeg 0"),
        ("", "*/*", "original 0"),
    ],
)
async def test_the_format_is_the_one_asked_for_else_the_one_preferred(
    workshop: Workshop, query: str, accept: str, sent: str
) -> None:
    job_id = await workshop.create()
    await workshop.deliver(job_id)
    response = await workshop.client.get(
        f"/v1/images/{job_id}/0{query}",
        headers={**workshop.alice, "Accept": accept},
        allow_redirects=False,
    )
    assert response.headers["Vary"] == "Accept"
    picture = await workshop.client.get(URL(response.headers["Location"]).relative())
    assert await picture.read() == sent.encode()


@pytest.mark.parametrize("query", ["?format=gif", "?format=avif&variant=webp"])
async def test_a_format_that_there_is_not_is_refused(workshop: Workshop, query: str) -> None:
    job_id = await workshop.create()
    await workshop.deliver(job_id)
    response = await workshop.client.get(f"/v1/images/{job_id}/0{query}", headers=workshop.alice)
    assert response.status == 422


async def test_every_picture_has_an_alternative_text_and_its_formats(workshop: Workshop) -> None:
    job_id = await workshop.create()
    await workshop.deliver(job_id)
    response = await workshop.client.get(f"/v1/generations/{job_id}", headers=workshop.alice)
    for image in (await response.json())["images"]:
        assert image["alt"].startswith("AI-generated picture")
        assert set(image["formats"]) == {"png", "webp", "jpeg", "avif"}
