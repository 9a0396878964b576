"""One workshop for all paths of moderation, and what people do on its page."""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Locator, expect

from tests.e2e.browser import DiscordPage, discord_page
from tests.e2e.conftest import Demo, make_box, running_demo

PATIENCE_MS = 60_000
# A violent prompt is held by the rules alone, whatever is drawn.
HELD = "a bloody corpse, a red star"

_COUNT_CLICKS = """() => {
  window.pressedOn = [];
  document.addEventListener(
    "click", (event) => window.pressedOn.push(event.target.innerText.trim()), true);
}"""


@dataclass(kw_only=True)
class Stage:
    """The page, open, and the workshop behind it."""

    workshop: Demo
    page: DiscordPage

    def look(self, name: str) -> None:
        """Save what is seen, where somebody wants to look at it."""
        folder = os.environ.get("IMPASTO_SCREENSHOTS")
        if folder:
            self.page.screenshot(Path(folder) / f"{name}.png")

    def message(self, words: str | re.Pattern[str]) -> Locator:
        """Return the newest message that says this itself, not in what it answers to."""
        own = self.page.page.locator(".message-content, .embed-card", has_text=words)
        found = self.page.messages.filter(has=own).last
        expect(found).to_be_visible(timeout=PATIENCE_MS)
        return found

    def picture(self, words: str) -> Locator:
        """Return the message with the finished pictures for these words, once they are seen."""
        done = self.message(re.compile(rf"{re.escape(words)}.*Done", re.DOTALL))
        expect(done.locator("img.attachment-image")).to_be_visible(timeout=PATIENCE_MS)
        return done

    def imagine(self, name: str, prompt: str) -> None:
        """Let somebody ask for one picture."""
        self.page.view_as(name)
        self.page.slash("imagine", prompt=prompt, count="1")

    def press(self, label: str, message: Locator) -> None:
        """Press a button of a message."""
        self.page.click_button(label, message=message)

    @contextmanager
    def counted_clicks(self) -> Iterator[list[str]]:
        """Note on what the mouse is pressed meanwhile; filled at the end."""
        pressed: list[str] = []
        self.page.page.evaluate(_COUNT_CLICKS)
        yield pressed
        pressed += self.page.page.evaluate("window.pressedOn")

    def discipline(self, card: Locator, measure: str, reason: str) -> None:
        """Choose a measure under a card, and give the reason."""
        card.locator("button, [role=combobox]").filter(has_text="Whoever asked for it").click()
        self.page.page.get_by_role("option", name=measure, exact=True).click()
        self.page.submit_form(**{"Why,_in_words_they_read": reason})


@pytest.fixture(scope="package")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """`impasto demo` with the starter model of one family; its cards appear in the channel."""
    home = tmp_path_factory.mktemp("moderation")
    with running_demo(make_box(home, IMPASTO_FAMILIES="sdxl")) as demo:
        with discord_page(str(demo.doors["page_url"])) as page:
            page.view_as("Moderator")
            page.slash("mod channel")
            page.wait_for_text("Cards appear in this channel")
        yield demo


@pytest.fixture
def stage(workshop: Demo) -> Iterator[Stage]:
    """Open the page."""
    with discord_page(str(workshop.doors["page_url"]), height=1100) as page:
        yield Stage(workshop=workshop, page=page)
