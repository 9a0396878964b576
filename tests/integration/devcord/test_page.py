"""A newcomer types a command into the page and watches the answer come."""

import contextlib

import pytest
from playwright.sync_api import Error

from tests.e2e.browser import DiscordPage, chromium_or_skip, discord_page
from tests.integration.devcord.processes import bot_process, devcord_process, eventually


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    chromium_or_skip()
    with devcord_process(tmp_path_factory.mktemp("page")) as devcord, bot_process(devcord):
        yield devcord


def test_a_newcomer_types_a_command_and_watches_the_picture_come(world, tmp_path):
    with discord_page(world.ready["page_url"]) as page:
        assert page.commands("/") == ["/ask", "/crooked", "/echo"]
        page.slash("echo", text="a red fox")
        states = page.texts_until("you said: a red fox")
        assert any(state.startswith("step") for state in states)
        assert page.wait_for_picture() == (320, 320)
        page.click_button("Again")
        page.wait_for_text("again: a red fox")
        assert page.wait_for_picture() == (320, 320)
        assert page.last.locator("img").is_visible()
        assert page.screenshot(tmp_path / "page.png").stat().st_size > 10_000


def test_a_form_opens_and_only_its_sender_sees_the_answer(world):
    with discord_page(world.ready["page_url"]) as page:
        page.slash("ask")
        page.submit_form(Text="hello")
        page.wait_for_text("you wrote hello")
        shown = page.messages.count()
        page.view_as("Bob")
        page.wait_for_messages(shown - 1)


def test_the_moderator_is_offered_more_commands(world):
    with discord_page(world.ready["page_url"]) as page:
        assert page.commands("/sec") == []
        page.view_as("Moderator")
        assert page.commands("/sec") == ["/secret"]
        page.slash("secret")
        page.wait_for_text("only you see this")


def test_the_page_comes_back_after_someone_ended_it(world):
    with discord_page(world.ready["page_url"]) as page:
        page.page.locator(".session-menu summary").click()
        with page.page.expect_response(lambda response: response.url.endswith("/api/action")):
            page.page.locator("#close").click()
        eventually(lambda: reopened(page, world.ready["page_url"]))
        page.slash("ask")


def reopened(page: DiscordPage, url: str) -> bool:
    """Load the page's old address and say whether the channel is there again."""
    with contextlib.suppress(Error):
        page.page.goto("about:blank")
        page.page.goto(url)
        page.page.locator("#channel-composer-input").wait_for(timeout=1_000)
        return True
    return False
