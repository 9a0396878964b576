"""`impasto queue` beside a running installation."""

import json
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend.bootstrap.servers import open_database
from backend.cli.stack import Stack, open_stack
from backend.db.stores import SqlJobStore
from backend.domain.families import ModelFamily
from backend.domain.tiers import Tier
from backend.settings import Settings
from tests.builders import a_birth, a_job, a_spec

IMPASTO = (sys.executable, "-c", "from backend.cli import main; raise SystemExit(main())")
PATIENCE_S = 120.0


@pytest.fixture
def stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stack]:
    """A dispatcher of an installation whose worker has not come yet."""
    for name in [name for name in os.environ if name.startswith("IMPASTO_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("IMPASTO_HOME", str(tmp_path))
    with open_stack(Settings()) as stack:
        stack.start_dispatcher()
        stack.wait_until(stack.has_dispatcher, "The dispatcher", timeout_s=PATIENCE_S)
        yield stack


async def put_in_line(settings: Settings, tier: Tier, count: int) -> None:
    async with open_database(settings) as database:
        jobs = SqlJobStore(database=database)
        for _ in range(count):
            job = a_job(spec=a_spec(tier=tier))
            await jobs.add(a_birth(job), fingerprint=job.id)


def read_json() -> dict:
    done = subprocess.run(  # noqa: S603 - our own command
        [*IMPASTO, "queue", "--json"],
        capture_output=True,
        text=True,
        check=True,
        timeout=PATIENCE_S,
    )
    document: dict = json.loads(done.stdout)
    return document


async def test_a_running_installation_shows_what_waits(stack: Stack) -> None:
    await put_in_line(stack.settings, Tier.RELAX, 3)
    await put_in_line(stack.settings, Tier.TURBO, 1)
    deadline = time.monotonic() + PATIENCE_S
    while True:
        document = read_json()
        tiers = document["families"].get("sdxl", {}).get("tiers", {})
        if tiers and tiers["relax"]["waiting"] == 3 and tiers["turbo"]["waiting"] == 1:
            break
        assert time.monotonic() < deadline, document
    assert document["is_led"] is True
    assert document["families"]["sdxl"]["drain_s"] is None
    shown, status = watch_in_terminal()
    assert status == 0
    assert "sdxl: 4 wait, no worker is there" in shown
    # The screen was given back, and what was seen last stands below.
    _, _, below = shown.rpartition("\x1b[?1049l")
    assert "turbo      1" in below
    assert ModelFamily.FLUX not in below


def watch_in_terminal() -> tuple[str, int]:
    """Run the live view on a terminal, press Ctrl-C when it shows a table; return all of it."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(  # noqa: S603 - our own command
        [*IMPASTO, "queue"],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**os.environ, "TERM": "xterm"},
    )
    os.close(theirs)
    shown, is_left = "", False
    try:
        for chunk in _chunks(ours):
            shown += chunk
            # The second frame, so that it has been refreshed.
            if shown.count("relax") == 2 and not is_left:
                process.send_signal(signal.SIGINT)
                is_left = True
        return shown, process.wait(timeout=PATIENCE_S)
    finally:
        process.kill()
        os.close(ours)


def _chunks(terminal: int) -> Iterator[str]:
    while True:
        try:
            data = os.read(terminal, 4096)
        except OSError:
            # Nobody holds the other end any more.
            return
        yield data.decode()
