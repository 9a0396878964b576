"""What moderators do about members: warn, mute, ban, and let in again."""

import re
import time

from playwright.sync_api import expect

from tests.e2e.moderation.conftest import HELD, MUTE_S, Stage
from tests.e2e.rest import Rest

SLOW = "a lighthouse --steps 150"


def test_a_muted_member_reads_until_when_and_a_warned_one_why(stage: Stage) -> None:
    stage.held(stage.imagine("Bob", HELD))
    card = stage.card(HELD)
    not_muted_yet = time.monotonic()
    stage.discipline(card, "Mute", "Cool down")
    stage.message("Muted.")
    muted = time.monotonic()
    stage.look("mute-1-done")
    stage.page.view_as("Bob")
    stage.page.slash("imagine", prompt="a red star", count="1")
    refused = stage.message("may not ask for pictures until")
    expect(refused).to_contain_text("UTC (Cool down)")
    stage.look("mute-2-refused")
    # It was so because of the mute, not because that had ended.
    assert time.monotonic() - not_muted_yet < MUTE_S

    stage.discipline(stage.card(HELD), "Warn", "Mind the children")
    stage.message("Warned.")
    stage.look("warn-1-done")
    stage.page.view_as("Bob")
    stage.page.slash("standing")
    stage.message(re.compile("0 strikes that count.*Mind the children", re.DOTALL))
    stage.look("warn-2-standing")

    time.sleep(max(0.0, MUTE_S + 1 - (time.monotonic() - muted)))
    stage.drawn(stage.used("imagine", prompt="a red star", count="1"))
    stage.look("mute-3-over")


def test_a_ban_ends_what_is_drawn_and_waits_until_it_is_lifted(stage: Stage, rest: Rest) -> None:
    stage.held(stage.imagine("Alice", f"{HELD}, a green tree"))
    asked = [stage.imagine("Alice", f"{SLOW} --seed {number}", "4") for number in range(3)]
    for message in asked:
        expect(message).to_contain_text("gen_")
    jobs = [stage.job_id(message) for message in asked]
    rest.until(jobs[0], lambda job: (job.get("progress") or {}).get("step", 0) >= 1)
    stage.discipline(stage.card("a green tree"), "Ban", "Again and again")
    stage.message("Banned; what was in line or being drawn has ended.")
    stage.look("ban-1-done")
    assert [rest.until_ended(job_id)["status"] for job_id in jobs] == ["cancelled"] * 3
    stage.page.view_as("Alice")
    stage.page.slash("imagine", prompt="a red star", count="1")
    stage.message("may not ask for pictures until that is lifted (Again and again)")
    stage.look("ban-2-refused")

    stage.page.view_as("Moderator")
    stage.page.slash("mod lift", member="@alice")
    stage.message("Lifted. 0 strikes that count.")
    stage.look("ban-3-lifted")
    stage.drawn(stage.imagine("Alice", "a red heart"))
