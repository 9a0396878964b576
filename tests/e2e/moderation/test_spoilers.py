"""A picture that is not for everybody arrives as a spoiler."""

import re

from playwright.sync_api import expect

from tests.e2e.moderation.conftest import ANY_SCORE, PATIENCE_MS, Stage
from tests.e2e.rest import Rest


def test_a_picture_that_is_a_spoiler_is_hidden_until_it_is_pressed(
    stage: Stage, rest: Rest
) -> None:
    with stage.strictness(nsfw_spoiler=ANY_SCORE):
        asked = stage.imagine("Alice", "a blue star")
        cover = asked.get_by_role("button", name=re.compile("Reveal SPOILER_impasto-gen_"))
        expect(cover).to_be_visible(timeout=PATIENCE_MS)
    stage.look("spoiler-1-hidden")
    status, job = rest.call("GET", f"/v1/generations/{stage.job_id(asked)}")
    assert status == 200, job
    assert [image["is_spoiler"] for image in job["images"]] == [True]
    cover.click()
    expect(asked.locator("img.attachment-image")).to_be_visible()
    stage.look("spoiler-2-shown")
