"""What is held back: appealed, and overturned in two clicks."""

import re

from playwright.sync_api import expect

from tests.e2e.moderation.conftest import HELD, Stage


def test_two_clicks_lead_from_a_block_to_its_picture(stage: Stage) -> None:
    stage.imagine("Alice", HELD)
    held = stage.message("This is held back")
    stage.look("appeal-1-held")
    stage.press("Appeal", held)
    stage.page.submit_form(Why_should_it_be_drawn="It is a film poster for the school play")
    stage.message("before the moderators")
    stage.look("appeal-2-asked")
    stage.page.view_as("Moderator")
    card = stage.message("film poster")
    stage.look("appeal-3-card")
    with stage.counted_clicks() as clicks:
        stage.press("Overturn", card)
        stage.message("Overturned: back in line")
        stage.picture(HELD)
    # The other one of the two was the asker's *Appeal*.
    assert clicks == ["Overturn"]
    stage.page.view_as("Alice")
    done = stage.picture(HELD)
    expect(done.locator("img.attachment-image")).to_have_attribute("alt", re.compile("AI-gen"))
    stage.message("agreed with your appeal")
    stage.look("appeal-4-overturned")
