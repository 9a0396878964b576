"""Drive the offline Discord's page in a headless Chromium, as a newcomer would with a mouse."""

import contextlib
import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Error, Locator, Page, Response, expect, sync_playwright

_FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
)
_TIMEOUT_S = 20.0
# What the page calls a place in its heading, where that is not the place's own name.
_HEADINGS = {"Direct messages": "Impasto"}


def chromium_or_skip() -> str:
    """Return the path of Chromium; skip the test where there is none."""
    path = (
        os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
    )
    if path is None:
        pytest.skip("no Chromium on this machine (Debian: apt install chromium)")
    return path


def _answers_change_of_viewer(response: Response) -> bool:
    return '"viewer"' in (response.request.post_data or "")


@dataclass(frozen=True)
class DiscordPage:
    """The offline Discord's page, opened."""

    page: Page

    @property
    def messages(self) -> Locator:
        """All messages of the channel, oldest first."""
        return self.page.locator("#channel-message-list .channel-message")

    @property
    def last(self) -> Locator:
        """The newest message."""
        return self.messages.last

    def view_as(self, name: str) -> None:
        """Look at the channel through the eyes of Alice, Bob or Moderator."""
        picker = self.page.locator("#viewer-picker")
        if picker.locator("option:checked").inner_text() != name:
            with self.page.expect_response(_answers_change_of_viewer):
                picker.select_option(label=name)
        expect(self.page.locator("#channel-composer-input")).to_be_enabled()

    def go_to(self, place: str) -> None:
        """Look at another channel: "# art", "# moderators" or "Direct messages"."""
        chosen = self.page.locator(".impasto-place", has_text=re.compile(f"^{place}$"))
        chosen.click()
        expect(chosen).to_have_attribute("aria-current", "page")
        expect(self.page.locator("#channel-name")).to_have_text(_HEADINGS.get(place, place[2:]))

    def pick_from_menu(self, entry: str, *, message: Locator) -> None:
        """Open a message's menu with the right button of the mouse, and choose an entry."""
        message.locator(".message-header, .message-content").first.click(button="right")
        self.page.get_by_role("menuitem", name=entry, exact=True).click()

    def commands(self, typed: str = "/") -> list[str]:
        """Type the beginning of a command and return the commands the page offers."""
        box = self.page.locator("#channel-composer-input")
        box.fill("")
        box.press_sequentially(typed, delay=10)
        titles = self.page.locator(".command-entry .command-entry-title strong")
        with contextlib.suppress(AssertionError):
            expect(titles.first).to_be_visible(timeout=2_000)
        return titles.all_inner_texts()

    def slash(self, command: str, **options: str) -> None:
        """Type a slash command, choose it from the picker, fill its options and send it.

        ``command`` is the whole path without the slash, such as ``"mod queue"``; a member is
        named as ``"@alice"``.
        """
        box = self.page.locator("#channel-composer-input")
        entry = self.page.locator(".command-entry").filter(
            has=self.page.locator("strong", has_text=re.compile(f"^/{re.escape(command)}$"))
        )
        # The picker knows a command only once the bot has registered it.
        for _ in range(20):
            box.fill("")
            box.press_sequentially(f"/{command}", delay=10)
            with contextlib.suppress(AssertionError):
                expect(entry).to_be_visible(timeout=int(_TIMEOUT_S * 50))
                break
        entry.click()
        for name, value in options.items():
            self._fill(name, value)
        self.page.locator("#send-message").click()
        expect(box).to_be_visible(timeout=int(_TIMEOUT_S * 1000))

    def _fill(self, name: str, value: str) -> None:
        field = self.page.locator(f'.command-option-input[data-option="{name}"]')
        suggested = self.page.locator(".command-suggestion").filter(has_text=name).first
        # A page that is drawn anew meanwhile may forget what was begun.
        for _ in range(5):
            if field.is_visible():
                break
            self.page.locator(".command-ghost").click()
            with contextlib.suppress(Error, AssertionError):
                suggested.click(timeout=2_000)
                expect(field).to_be_visible(timeout=2_000)
        field.fill(value.removeprefix("@"))
        if value.startswith("@"):
            self.page.locator(".command-entity-suggestion", has_text=value[1:]).click()

    def wait_for_text(self, text: str | re.Pattern[str], *, timeout_s: float = _TIMEOUT_S) -> None:
        """Wait until the newest message contains the text."""
        expect(self.last).to_contain_text(text, timeout=int(timeout_s * 1000))

    def wait_for_messages(self, count: int, *, timeout_s: float = _TIMEOUT_S) -> None:
        """Wait until the channel shows this many messages."""
        expect(self.messages).to_have_count(count, timeout=int(timeout_s * 1000))

    def wait_for_picture(self, *, timeout_s: float = _TIMEOUT_S) -> tuple[int, int]:
        """Wait until the newest message shows a picture; return its natural width and height."""
        # Asked again and again, because an edit replaces the element.
        size: list[int] = self.page.wait_for_function(
            """() => {
              const all = document.querySelectorAll("#channel-message-list .channel-message");
              const image = all[all.length - 1]?.querySelector("img.attachment-image");
              return image?.complete && image.naturalWidth
                ? [image.naturalWidth, image.naturalHeight] : null;
            }""",
            timeout=timeout_s * 1000,
        ).json_value()
        return size[0], size[1]

    def texts_until(self, text: str, *, timeout_s: float = _TIMEOUT_S) -> list[str]:
        """Return what the newest message said, state after state, until it contains the text."""
        seen: list[str] = self.page.evaluate(
            """([text, timeoutMs]) => new Promise((resolve, reject) => {
              const seen = [], deadline = Date.now() + timeoutMs;
              const look = () => {
                const all = document.querySelectorAll("#channel-message-list .channel-message");
                const now = all[all.length - 1]?.querySelector(".message-content")?.innerText ?? "";
                if (now && now !== seen[seen.length - 1]) seen.push(now);
                if (now.includes(text)) resolve(seen);
                else if (Date.now() > deadline) reject(new Error("seen: " + JSON.stringify(seen)));
                else setTimeout(look, 50);
              };
              look();
            })""",
            [text, timeout_s * 1000],
        )
        return seen

    def buttons(self) -> list[str]:
        """Return the labels of the newest message's buttons."""
        return self.last.locator(".component-button .button-label").all_inner_texts()

    def click_button(self, label: str, *, message: Locator | None = None) -> None:
        """Press a button of a message, of the newest by default."""
        exactly = re.compile(f"^{re.escape(label)}$")
        wanted = self.page.locator(".button-label", has_text=exactly)
        (message or self.last).locator(".component-button").filter(has=wanted).click()

    def submit_form(self, **values: str) -> None:
        """Fill the open form by its fields' labels (underscores stand for spaces) and send it."""
        form = self.page.locator("#modal-root")
        for label, value in values.items():
            form.get_by_label(label.replace("_", " ")).fill(value)
        form.locator('button[type="submit"]').click()

    def screenshot(self, path: Path) -> Path:
        """Save what the page shows now."""
        self.page.screenshot(path=path)
        return path


@contextlib.contextmanager
def discord_page(url: str, *, width: int = 1280, height: int = 900) -> Iterator[DiscordPage]:
    """Open the offline Discord's page; skip where there is no Chromium."""
    executable = chromium_or_skip()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=list(_FLAGS))
        try:
            page = browser.new_page(viewport={"width": width, "height": height})
            page.goto(url)
            expect(page.locator("#channel-composer-input")).to_be_visible()
            yield DiscordPage(page)
        finally:
            browser.close()
