"""One workshop for all paths of moderation, and what people do on its page."""

import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Error, Locator, Page, expect

from tests.e2e.browser import DiscordPage, discord_page
from tests.e2e.conftest import Demo, make_box, running_demo
from tests.e2e.rest import Rest

PATIENCE_MS = 60_000
# A violent prompt is held by the rules alone, whatever is drawn.
HELD = "a bloody corpse, a red star"
# Below what the shipped network says of any picture.
ANY_SCORE = 1e-9
MUTE_S = 40
# What a mute lasts is the deployment's to say.
_POLICY = f"""
version = 1
id = "moderated"
[standing]
mute_hours = {MUTE_S / 3600}
"""

_COUNT_CLICKS = """() => {
  window.pressedOn = [];
  document.addEventListener(
    "click", (event) => window.pressedOn.push(event.target.innerText.trim()), true);
}"""

_DISCORD_EPOCH_MS = 1_420_070_400_000
_FRESH = """([command, oldest]) => {
  const messages = document.querySelectorAll("#channel-message-list .channel-message");
  return [...messages].find((message) =>
    BigInt(message.dataset.messageId) >= BigInt(oldest)
      && message.querySelector(".message-interaction-header")?.innerText.includes(command)
  )?.dataset.messageId;
}"""
_ALL_LOADED = """() => [...document.querySelectorAll("#channel-message-list img")]
  .every((image) => image.complete && image.naturalWidth)"""


@dataclass(kw_only=True)
class Stage:
    """The page, open, and the workshop behind it."""

    workshop: Demo
    page: DiscordPage

    def look(self, name: str, *, page: Page | None = None) -> None:
        """Save what is seen, where somebody wants to look at it."""
        folder = os.environ.get("IMPASTO_SCREENSHOTS")
        if folder:
            shown = page or self.page.page
            # For whoever looks, not for the test: it has waited for what it wants to see.
            with suppress(Error):
                shown.wait_for_function(_ALL_LOADED, timeout=5_000)
            shown.screenshot(path=Path(folder) / f"{name}.png")

    def new_page(self) -> Page:
        """Open another page of the same browser, for what is not Discord."""
        browser = self.page.page.context.browser
        assert browser is not None
        return browser.new_page(viewport={"width": 900, "height": 700})

    def message(self, words: str | re.Pattern[str]) -> Locator:
        """Return the newest message that says this itself, not in what it answers to."""
        own = self.page.page.locator(".message-content, .embed-card", has_text=words)
        found = self.page.messages.filter(has=own).last
        expect(found).to_be_visible(timeout=PATIENCE_MS)
        return found

    def used(self, command: str, **options: str) -> Locator:
        """Use a command whose answer everybody sees, and return that answer."""
        # Ids tell the time, so what was there before is told apart even on a page half drawn.
        oldest = str(int(time.time() * 1000 - _DISCORD_EPOCH_MS) << 22)
        self.page.slash(command, **options)
        fresh = self.page.page.wait_for_function(_FRESH, arg=[f"/{command}", oldest])
        return self.page.page.locator(f'.channel-message[data-message-id="{fresh.json_value()}"]')

    def imagine(self, name: str, prompt: str, count: str = "1") -> Locator:
        """Let somebody ask for pictures, and return their message."""
        self.page.view_as(name)
        return self.used("imagine", prompt=prompt, count=count)

    def held(self, message: Locator) -> str:
        """Wait until a job is held back, and return its id."""
        expect(message).to_contain_text("This is held back", timeout=PATIENCE_MS)
        return self.job_id(message)

    def drawn(self, message: Locator) -> str:
        """Wait until a job's pictures are seen, and return its id."""
        expect(message).to_contain_text("Done", timeout=PATIENCE_MS)
        expect(message.locator("img.attachment-image")).to_be_visible(timeout=PATIENCE_MS)
        return self.job_id(message)

    def job_id(self, message: Locator) -> str:
        """Read the id of the job that a message shows."""
        found = re.search(r"gen_[0-9a-f]{20}", message.inner_text())
        assert found, message.inner_text()
        return found[0]

    def card(self, words: str | re.Pattern[str]) -> Locator:
        """Return the newest card that says this, as the moderator sees it in their channel."""
        self.page.view_as("Moderator")
        self.page.go_to("# moderators")
        return self.message(words)

    def direct(self, name: str, words: str) -> Locator:
        """Return the direct message in which somebody reads this."""
        self.page.view_as(name)
        self.page.go_to("Direct messages")
        return self.message(words)

    @contextmanager
    def strictness(self, **scores: float) -> Iterator[None]:
        """Make the server's own policy stricter meanwhile."""
        box, guild = self.workshop.box, str(self.workshop.doors["guild_id"])
        lines = [f"{name} = {score}" for name, score in scores.items()]
        document = box.home / "guild.toml"
        document.write_text("\n".join(["version = 1", 'id = "strict"', "[scores]", *lines]))
        done = box.impasto("policy", "set", "--guild", guild, str(document))
        assert done.returncode == 0, done.stderr
        yield
        assert box.impasto("policy", "unset", "--guild", guild).returncode == 0

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

    def form(self) -> Locator:
        """Return the form that is open, once it is."""
        form = self.page.page.locator('#modal-root button[type="submit"]')
        expect(form).to_be_visible(timeout=PATIENCE_MS)
        return form

    def discipline(self, card: Locator, measure: str, reason: str) -> None:
        """Choose a measure under a card, and give the reason."""
        card.locator("button, [role=combobox]").filter(has_text="Whoever asked for it").click()
        self.page.page.get_by_role("option", name=measure, exact=True).click()
        self.page.submit_form(**{"Why,_in_words_they_read": reason})


@pytest.fixture(scope="package")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    """`impasto demo` with one starter model; its cards appear where moderators sit."""
    home = tmp_path_factory.mktemp("moderation")
    policy = home / "policy.toml"
    policy.write_text(_POLICY)
    with running_demo(make_box(home, IMPASTO_FAMILIES="sdxl", IMPASTO_POLICY=str(policy))) as demo:
        with discord_page(str(demo.doors["page_url"])) as page:
            page.view_as("Moderator")
            page.go_to("# moderators")
            page.slash("mod channel")
            page.wait_for_text("Cards appear in this channel")
        yield demo


@pytest.fixture(scope="package")
def rest(workshop: Demo) -> Rest:
    """Whoever moderates over REST."""
    done = workshop.box.impasto("key", "create", "staff", "--moderator")
    return Rest(url=workshop.doors["gateway_url"], key=done.stdout.split()[0])


@pytest.fixture
def stage(workshop: Demo) -> Iterator[Stage]:
    """Open the page."""
    with discord_page(str(workshop.doors["page_url"]), height=1100) as page:
        yield Stage(workshop=workshop, page=page)
