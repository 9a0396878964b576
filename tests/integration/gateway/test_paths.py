"""What stands in a path where an id should."""

import pytest
from yarl import URL

from tests.integration.gateway.workshop import Workshop

NO_IDS = ["%00", "%ED%A0%80", "%2e%2e", "x" * 65, "a%20b"]


@pytest.mark.parametrize("text", ["gen_1", *NO_IDS])
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/generations/{}"),
        ("POST", "/v1/generations/{}/cancel"),
        ("GET", "/v1/images/{}/0"),
    ],
)
async def test_what_cannot_be_an_id_names_no_job(
    workshop: Workshop, text: str, method: str, path: str
) -> None:
    url = URL(path.format(text), encoded=True)
    response = await workshop.client.request(method, url, headers=workshop.alice)
    assert response.status == 404
    assert (await response.json())["code"] in ("job_not_found", "not_found")


@pytest.mark.parametrize("text", NO_IDS)
async def test_what_cannot_be_an_id_names_no_review_and_no_report(
    workshop: Workshop, text: str
) -> None:
    review = URL(f"/v1/reviews/{text}", encoded=True)
    response = await workshop.client.get(review, headers=workshop.alice)
    assert response.status == 404
    report = URL(f"/v1/safety-reports/{text}/release", encoded=True)
    body = {"reason": "An adult."}
    response = await workshop.client.post(report, headers=workshop.alice, json=body)
    assert response.status == 404
