"""A picture that has to go: reported by a member, or by somebody without an account."""

import re

from playwright.sync_api import expect

from tests.e2e.moderation.conftest import PATIENCE_MS, Stage
from tests.e2e.rest import Rest, fetch


def links(rest: Rest, job_id: str) -> list[str]:
    """Return every link under which REST serves a job's pictures."""
    status, job = rest.call("GET", f"/v1/generations/{job_id}")
    assert status == 200, job
    return [
        link
        for image in job["images"]
        for link in (image["url"], *image.get("variants", {}).values())
    ]


def test_a_reported_picture_is_gone_from_every_place(stage: Stage, rest: Rest) -> None:
    prompt = "a purple triangle"
    posted = stage.imagine("Alice", prompt)
    job_id = stage.drawn(posted)
    stage.page.go_to("Direct messages")
    stage.drawn(stage.used("show", job_id=job_id))
    stage.look("report-1-direct-copy")
    served = links(rest, job_id)
    assert {fetch(link)[0] for link in served} == {200}

    stage.page.view_as("Bob")
    stage.page.pick_from_menu("Report this picture", message=posted)
    stage.form()
    stage.look("report-2-form")
    stage.page.submit_form(What_is_wrong_with_it="That is my face")
    stage.message("nobody is told it was you")
    stage.look("report-3-thanks")
    card = stage.card("That is my face")
    stage.look("report-4-card")
    stage.press("Remove everywhere", card)
    stage.page.submit_form(Why="Not theirs to show")
    removed = stage.message(re.compile("Removed everywhere.*That is my face", re.DOTALL))
    expect(removed).to_contain_text(
        re.compile(r"message \d+ in .*: deleted.*message \d+", re.DOTALL)
    )
    expect(removed).not_to_contain_text("⏳")
    stage.look("report-5-removed")

    for name, place in (("Bob", "# art"), ("Alice", "Direct messages")):
        stage.page.view_as(name)
        stage.page.go_to(place)
        expect(stage.page.messages.filter(has_text=job_id)).to_have_count(0, timeout=PATIENCE_MS)
        stage.look(f"report-6-gone-for-{name.lower()}")
    assert links(rest, job_id) == []
    assert {fetch(link)[0] for link in served} <= {404, 410}


def test_who_has_no_account_asks_for_a_removal_and_reads_what_became_of_it(
    stage: Stage, rest: Rest
) -> None:
    job_id = stage.drawn(stage.imagine("Alice", "an orange heart"))
    served = links(rest, job_id)
    form = stage.new_page()
    form.goto(f"{rest.url}/removal")
    form.get_by_role("button", name="Ask for its removal").click()
    expect(form.locator("body")).to_contain_text("This names no picture.")
    form.get_by_label("Link to the picture").fill(job_id)
    form.get_by_label("What is wrong with it").fill("My daughter's drawing")
    stage.look("request-1-form", page=form)
    form.get_by_role("button", name="Ask for its removal").click()
    expect(form.locator("body")).to_contain_text("A person looks at it")
    stage.look("request-2-asked", page=form)

    card = stage.card("My daughter's drawing")
    expect(card).to_contain_text("Removal asked for")
    stage.look("request-3-card")
    stage.press("Remove everywhere", card)
    stage.page.submit_form(Why="Hers")
    stage.message(re.compile("Removed everywhere.*My daughter's drawing", re.DOTALL))
    form.reload()
    expect(form.locator("body")).to_contain_text("It was removed everywhere")
    stage.look("request-4-done", page=form)
    assert {fetch(link)[0] for link in served} <= {404, 410}
