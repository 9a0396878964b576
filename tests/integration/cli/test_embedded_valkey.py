"""The embedded Valkey server of one home."""

import os
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest
from redis import Redis
from redis.exceptions import AuthenticationError
from redis.exceptions import ConnectionError as RedisConnectionError

from backend.cli import valkey
from backend.cli.stack import open_stack
from backend.cli.supervisor import Program, Supervisor
from backend.domain.families import ModelFamily
from backend.settings import Settings


def test_a_second_command_finds_the_server_of_the_first(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, redis_url=None, database_url=None)
    with open_stack(settings) as first, open_stack(settings) as second:
        assert second.redis_url == first.redis_url
        assert second.supervisor.process_ids() == {}
    assert valkey.find_running(tmp_path) is None


def test_a_command_notices_that_the_server_it_borrowed_is_gone_for_good(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path, redis_url=None, database_url=None)
    with ExitStack() as first:
        lender = first.enter_context(open_stack(settings))
        with open_stack(settings) as borrower:
            assert not borrower.has_lost_server()
            assert not lender.has_lost_server()
            first.close()
            own = (f"worker-{ModelFamily.SDXL}", "dispatcher")
            for name in own:
                forever = (sys.executable, "-c", "import time; time.sleep(600)")
                borrower.supervisor.start(Program(name=name, argv=forever))
            with pytest.raises(RedisConnectionError):
                borrower.ensure(ModelFamily.SDXL)
            assert borrower.has_lost_server()
            with open_stack(settings) as heir:
                assert borrower.has_lost_server()
                assert not heir.has_lost_server()


def test_no_other_server_can_start_over_the_files_of_one_that_is_being_stopped(
    tmp_path: Path,
) -> None:
    lock, seen = tmp_path / "run" / "valkey.lock", tmp_path / "seen"
    # Stopped before the server, as a worker is; looks whether another command could begin.
    script = f"""
import fcntl, pathlib, signal, sys, time

def look(*_):
    with open({str(lock)!r}, "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            told = "free"
        except BlockingIOError:
            told = "held"
    pathlib.Path({str(seen)!r}).write_text(told)
    sys.exit(0)

signal.signal(signal.SIGTERM, look)
print("ready", flush=True)
time.sleep(600)
"""
    settings = Settings(home=tmp_path, redis_url=None, database_url=None)
    with open_stack(settings) as stack:
        stack.supervisor.start(Program(name="onlooker", argv=(sys.executable, "-c", script)))
        log = tmp_path / "logs" / "onlooker.log"
        stack.wait_until(lambda: log.exists() and "ready" in log.read_text(), "The onlooker")
    assert seen.read_text() == "held"


def test_the_server_asks_for_its_password_and_its_files_are_private(tmp_path: Path) -> None:
    with Supervisor(logs=tmp_path / "logs", env=os.environ) as supervisor:
        program, address = valkey.make_program(tmp_path)
        supervisor.start(program)
        valkey.announce(tmp_path, address)
        with (
            Redis(host="127.0.0.1", port=address.port) as stranger,
            pytest.raises(AuthenticationError),
        ):
            stranger.ping()
        assert (tmp_path / "run" / "valkey.json").stat().st_mode & 0o077 == 0
        assert (tmp_path / "valkey" / "valkey.conf").stat().st_mode & 0o077 == 0
