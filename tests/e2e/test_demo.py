"""The demo from outside: a browser, REST, and processes killed in the middle of things."""

import hashlib
import os
import re
import signal
import sqlite3
import time
from contextlib import closing

import pytest

from tests.e2e.browser import discord_page
from tests.e2e.conftest import Demo
from tests.e2e.rest import Rest, fetch

LONG = {"prompt": "a lighthouse", "n": 4, "steps": 150}


@pytest.fixture(scope="module")
def rest(demo: Demo) -> Rest:
    done = demo.box.impasto("key", "create", "tester")
    return Rest(url=demo.doors["gateway_url"], key=done.stdout.split()[0])


def submit(rest: Rest, body: dict[str, object]) -> str:
    status, answer = rest.call("POST", "/v1/generations", body)
    assert status == 202, answer
    return str(answer["request_id"])


def started(rest: Rest, job_id: str) -> None:
    rest.until(job_id, lambda job: (job.get("progress") or {}).get("step", 0) >= 1)


def events_of(demo: Demo, job_id: str, kind: str) -> int:
    """Count committed transitions of one kind."""
    with closing(sqlite3.connect(demo.box.home / "impasto.db")) as database:
        query = "SELECT count(*) FROM job_events WHERE job_id = ? AND kind = ?"
        (count,) = database.execute(query, (job_id, kind)).fetchone()
    return int(count)


def test_a_newcomer_imagines_watches_and_varies_in_the_browser(demo: Demo) -> None:
    with discord_page(str(demo.doors["page_url"])) as page:
        page.slash("imagine", prompt="a fox in the snow --ar 3:2 --steps 150")
        states = page.texts_until("Done", timeout_s=240)
        steps = set(re.findall(r"step \d+ of 150", "\n".join(states)))
        assert len(steps) >= 2, states
        width, height = page.wait_for_picture()
        assert width > height
        assert page.buttons()[:4] == ["U1", "U2", "U3", "U4"]
        assert {"V1", "V2", "V3", "V4"} <= set(page.buttons())
        count = page.messages.count()
        page.click_button("V2")
        page.wait_for_messages(count + 1)
        page.texts_until("Done", timeout_s=240)
        assert page.wait_for_picture()[0] > 0


def test_a_post_becomes_pictures_behind_links_that_refuse_tampering(rest: Rest) -> None:
    job_id = submit(rest, {"prompt": "a red boat", "n": 1, "steps": 3, "seed": 5})
    job = rest.until_ended(job_id)
    assert job["status"] == "delivered", job
    (image,) = job["images"]
    status, data = fetch(image["url"])
    assert status == 200
    assert hashlib.sha256(data).hexdigest() == image["sha256"]
    assert fetch(image["url"][:-2] + "xx")[0] == 403
    assert fetch(image["url"].split("?")[0])[0] == 403


def test_a_worker_killed_in_mid_draw_costs_one_attempt_and_delivers_once(
    demo: Demo, rest: Rest
) -> None:
    job_id = submit(rest, LONG)
    started(rest, job_id)
    os.kill(demo.process_id("worker"), signal.SIGKILL)
    job = rest.until_ended(job_id, timeout_s=180)
    assert job["status"] == "delivered", (job, demo.box.logs())
    assert job["attempt"] == 2
    assert events_of(demo, job_id, "delivered") == 1
    assert events_of(demo, job_id, "returned") == 1


def test_valkey_killed_in_mid_draw_loses_nothing(demo: Demo, rest: Rest) -> None:
    job_id = submit(rest, LONG)
    started(rest, job_id)
    os.kill(demo.process_id("valkey"), signal.SIGKILL)
    job = rest.until_ended(job_id, timeout_s=180)
    assert job["status"] == "delivered", (job, demo.box.logs())
    assert events_of(demo, job_id, "delivered") == 1


def test_a_dispatcher_killed_in_mid_draw_loses_nothing(demo: Demo, rest: Rest) -> None:
    job_id = submit(rest, LONG)
    started(rest, job_id)
    os.kill(demo.process_id("dispatcher"), signal.SIGKILL)
    assert rest.until_ended(job_id, timeout_s=180)["status"] == "delivered"
    assert events_of(demo, job_id, "delivered") == 1


def test_a_bot_killed_in_mid_draw_finishes_its_message_after_its_restart(demo: Demo) -> None:
    with discord_page(str(demo.doors["page_url"])) as page:
        page.slash("imagine", prompt="a lighthouse --steps 150")
        page.wait_for_text(re.compile(r"step \d+ of 150"), timeout_s=60)
        os.kill(demo.process_id("bot"), signal.SIGKILL)
        page.wait_for_text("Done", timeout_s=120)
        assert page.wait_for_picture()[0] > 0


def test_cancelling_a_running_job_frees_the_worker_within_moments(rest: Rest) -> None:
    job_id = submit(rest, LONG)
    started(rest, job_id)
    assert rest.call("POST", f"/v1/generations/{job_id}/cancel")[0] == 202
    begun = time.monotonic()
    quick = submit(rest, {"prompt": "a cup", "n": 1, "steps": 1})
    assert rest.until_ended(quick)["status"] == "delivered"
    assert time.monotonic() - begun < 30
    assert rest.call("GET", f"/v1/generations/{job_id}")[1]["status"] == "cancelled"
