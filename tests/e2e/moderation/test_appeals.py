"""What is held back: released, kept with a reason, appealed, overturned in two clicks, upheld."""

import re
import sqlite3
from contextlib import closing

from playwright.sync_api import expect

from tests.e2e.moderation.conftest import ANY_SCORE, HELD, Stage


def born(stage: Stage, job_id: str) -> str:
    """Return what a job's place in line goes by."""
    with closing(sqlite3.connect(stage.workshop.box.home / "impasto.db")) as database:
        query = "SELECT created_at FROM jobs WHERE id = ?"
        (created_at,) = database.execute(query, (job_id,)).fetchone()
    return str(created_at)


def test_two_clicks_lead_from_a_block_to_its_picture(stage: Stage) -> None:
    asked = stage.imagine("Alice", HELD)
    job_id = stage.held(asked)
    place = born(stage, job_id)
    stage.look("appeal-1-held")
    stage.press("Appeal", asked)
    stage.page.submit_form(Why_should_it_be_drawn="It is a film poster for the school play")
    stage.message("before the moderators")
    stage.look("appeal-2-asked")
    card = stage.card("film poster")
    stage.look("appeal-3-card")
    with stage.counted_clicks() as clicks:
        stage.press("Overturn", card)
        stage.message("Overturned: back in line")
    stage.look("appeal-4-overturned")
    # The other one of the two was the asker's *Appeal*.
    assert clicks == ["Overturn"]
    stage.page.view_as("Alice")
    stage.drawn(asked)
    expect(asked.locator("img.attachment-image")).to_have_attribute(
        "alt", re.compile("AI-generated picture: a bloody")
    )
    stage.message("agreed with your appeal")
    assert born(stage, job_id) == place
    stage.look("appeal-5-picture")


def test_a_held_picture_is_released_and_its_asker_gets_it(stage: Stage) -> None:
    prompt = "a yellow circle"
    with stage.strictness(nsfw_spoiler=ANY_SCORE, nsfw_review=ANY_SCORE):
        asked = stage.imagine("Alice", prompt)
        stage.held(asked)
    card = stage.card(prompt)
    expect(card).to_contain_text("image")
    stage.look("release-1-card")
    stage.press("Release", card)
    stage.message("Released: back in line")
    stage.page.view_as("Alice")
    stage.drawn(asked)
    stage.message("A moderator let it through")
    stage.look("release-2-picture")


def test_who_is_kept_blocked_reads_why_and_appeals_and_reads_the_answer(stage: Stage) -> None:
    prompt = "a green square"
    with stage.strictness(nsfw_spoiler=ANY_SCORE, nsfw_review=ANY_SCORE):
        asked = stage.imagine("Alice", prompt)
        job_id = stage.held(asked)
    stage.press("Keep blocked", stage.card(prompt))
    stage.form()
    stage.look("keep-1-form")
    stage.page.submit_form(**{"Why,_in_words_its_asker_reads": "Not in this channel"})
    stage.message("Kept blocked")
    stage.look("keep-2-card")
    told = stage.direct("Alice", "Not in this channel")
    expect(told).to_contain_text(job_id)
    expect(told).to_contain_text(re.compile(r"Press Appeal under it \(https://\S+\) to ask"))
    stage.look("keep-3-told")

    stage.page.go_to("# art")
    stage.press("Appeal", asked)
    stage.page.submit_form(Why_should_it_be_drawn="It is a square")
    stage.message("before the moderators")
    stage.press("Uphold", stage.card("It is a square"))
    stage.page.submit_form(**{"Why,_in_words_its_asker_reads": "Squares are for Sundays"})
    stage.message("Upheld")
    stage.look("uphold-1-card")
    expect(stage.direct("Alice", "Squares are for Sundays")).to_contain_text("your appeal")
    stage.look("uphold-2-told")
