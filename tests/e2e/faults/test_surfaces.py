"""Gateways and bots in bad times: floods, rolling restarts, a log nobody reads, two bots."""

import fcntl
import json
import os
import signal
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.faults.house import DISPATCHERS, GATEWAY, WORKERS, House
from tests.e2e.faults.test_broker import all_delivered, submit_some
from tests.e2e.rest import Rest
from tests.fakes.servers import free_port

pytestmark = pytest.mark.fault
TIERS = ("turbo", "fast", "relax")
BOTS = ("bot-1", "bot-2")


def test_a_flood_is_taken_or_refused_and_all_that_is_taken_ends(house: House) -> None:
    taken = []
    for number in range(60):
        body = {"prompt": "a cup", "n": 1, "steps": 1, "seed": number, "tier": TIERS[number % 3]}
        status, told, answer = house.rest.call_fully("POST", "/v1/generations", body)
        assert status in (202, 429), answer
        if status == 202:
            taken.append(str(answer["id"]))
        else:
            assert int(told["Retry-After"]) > 0
    assert len(taken) >= 20
    all_delivered(house, taken)


def test_a_rolling_restart_costs_no_job(house: House) -> None:
    jobs = submit_some(house, 6)
    for name in (*WORKERS, *DISPATCHERS, GATEWAY):
        before = house.process_id(name)
        house.signal(name, signal.SIGTERM)
        house.until(lambda: house.process_id(name) != before, f"{name} to end")  # noqa: B023
        house.until(house.is_whole, f"{name} to be back")
        jobs.append(house.submit())
    rows = house.ended(*jobs)
    assert {row["state"] for row in rows} == {"delivered"}
    assert {row["losses"] for row in rows} == {0}


@pytest.mark.parametrize("sink", ["a pipe nobody reads", "a full disk"])
def test_a_log_that_takes_nothing_stops_no_gateway(house: House, sink: str) -> None:
    port = free_port()
    with choked(sink) as writable:
        process = house.run_aside(
            (sys.executable, "-m", "backend", "gateway"),
            stderr=writable,
            IMPASTO_GATEWAY_PORT=str(port),
        )
        try:
            rest = Rest(url=f"http://127.0.0.1:{port}", key=house.rest.key)
            house.until(lambda: answers(rest), "the gateway")
            for _ in range(30):
                assert rest.call("GET", "/v1/generations?limit=1")[0] == 200
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=30) == 0
        finally:
            process.kill()
            process.wait()


class Discord:
    """The offline Discord's back door."""

    def __init__(self, doors: dict[str, Any]) -> None:
        self._url = str(doors["control"])

    def get(self, path: str) -> Any:
        with urllib.request.urlopen(f"{self._url}/{path}", timeout=30) as answer:  # noqa: S310 - loopback
            return json.loads(answer.read())

    def slash(self, prompt: str) -> Any:
        wish = {"actor": "alice", "verb": "slash", "name": "imagine", "options": {"prompt": prompt}}
        request = urllib.request.Request(  # noqa: S310 - loopback
            f"{self._url}/act",
            data=json.dumps(wish).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310 - loopback
            return json.loads(answer.read())

    def shown(self) -> list[dict[str, Any]]:
        """Return the messages that show pictures."""
        return [message for message in self.get("messages") if message["attachments"]]


@pytest.fixture
def discord(house: House, tmp_path: Path) -> Iterator[Discord]:
    """An offline Discord with one bot of the house."""
    ready_file = tmp_path / "devcord.json"
    house.start_process("devcord", "bot.devcord", "--ready-file", str(ready_file))
    house.until(ready_file.exists, "the offline Discord")
    doors = json.loads(ready_file.read_text())
    opened = Discord(doors)
    house.bot_env = {
        "IMPASTO_DISCORD_TOKEN": "offline.discord.token",
        "IMPASTO_DISCORD_API_BASE": str(doors["api_base"]),
        "IMPASTO_DISCORD_GATEWAY": str(doors["gateway"]),
    }
    house.start_process(BOTS[0], "bot", **house.bot_env)
    house.until(lambda: "imagine" in str(opened.get("commands")), "the commands")
    house.until(lambda: opened.get("ready")["bots"] == 1, "the bot")
    yield opened
    house.retire(BOTS[0])
    house.retire("devcord")


def test_a_bot_without_a_broker_still_answers_and_keeps_its_word(
    house: House, discord: Discord
) -> None:
    house.to_broker[BOTS[0]].is_refusing = True
    house.to_broker[BOTS[0]].reset()
    discord.slash("a boat --seed 9011 --steps 2")
    house.until(lambda: discord.get("messages"), "an answer")
    house.to_broker[BOTS[0]].heal()
    house.until(discord.shown, "the pictures")
    assert len(discord.get("messages")) == 1


def test_a_bot_without_a_database_says_so_and_works_again_afterwards(
    house: House, discord: Discord
) -> None:
    before = house.query("SELECT count(*) FROM jobs")
    house.to_database[BOTS[0]].is_refusing = True
    house.to_database[BOTS[0]].reset()
    discord.slash("a boat --seed 9012 --steps 2")
    assert house.query("SELECT count(*) FROM jobs") == before
    house.to_database[BOTS[0]].heal()
    discord.slash("a boat --seed 9013 --steps 2")
    house.until(discord.shown, "the pictures")
    assert house.query("SELECT id FROM jobs WHERE seed = 9012") == []


def test_a_bot_killed_in_mid_job_edits_its_message_when_it_is_back(
    house: House, discord: Discord
) -> None:
    discord.slash("a boat --seed 9015 --steps 60")
    (row,) = house.until(lambda: house.query("SELECT id FROM jobs WHERE seed = 9015"), "the job")
    house.holder(row["id"])
    house.kill(BOTS[0])
    house.until(discord.shown, "the pictures")
    assert len(discord.get("messages")) == 1


def test_two_bots_by_mistake_make_one_job_and_one_message(house: House, discord: Discord) -> None:
    house.start_process(BOTS[1], "bot", **house.bot_env)
    house.until(lambda: discord.get("ready")["bots"] == 2, "the second bot")
    discord.slash("a boat --seed 9014 --steps 2")
    house.until(discord.shown, "the pictures")
    assert len(house.query("SELECT id FROM jobs WHERE seed = 9014")) == 1
    house.retire(BOTS[1])
    assert len(discord.shown()) == 1


def answers(rest: Rest) -> bool:
    try:
        return rest.call("GET", "/v1/generations?limit=1")[0] == 200
    except OSError:
        return False


@contextmanager
def choked(sink: str) -> Iterator[int]:
    """Open something to write to that takes nothing more."""
    if sink == "a full disk":
        opened = [os.open("/dev/full", os.O_WRONLY)]
    else:
        opened = list(os.pipe())
        flags = fcntl.fcntl(opened[-1], fcntl.F_GETFL)
        fcntl.fcntl(opened[-1], fcntl.F_SETFL, flags | os.O_NONBLOCK)
        with suppress(BlockingIOError):
            while True:
                os.write(opened[-1], b"-" * 4096)
        fcntl.fcntl(opened[-1], fcntl.F_SETFL, flags)
    try:
        yield opened[-1]
    finally:
        for descriptor in opened:
            os.close(descriptor)
