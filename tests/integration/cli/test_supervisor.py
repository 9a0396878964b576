"""The supervisor, over real processes."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from backend.cli.supervisor import (
    QUICK_DEATHS_MAX,
    ProcessKeepsDying,
    Program,
    Supervisor,
)

FOREVER = (sys.executable, "-c", "import time; time.sleep(600)")
STUBBORN = (
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
    "print('ready', flush=True); time.sleep(600)",
)


def lives(process_id: int) -> bool:
    try:
        os.kill(process_id, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{process_id}/stat")
    return not stat.exists() or stat.read_text().rsplit(")", 1)[1].split()[0] != "Z"


def until(is_met: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 20
    while not is_met():
        assert time.monotonic() < deadline
        time.sleep(0.02)


@pytest.fixture
def supervisor(tmp_path: Path):
    with Supervisor(logs=tmp_path, env=os.environ) as supervisor:
        yield supervisor


def test_a_killed_process_is_started_again(supervisor: Supervisor) -> None:
    supervisor.start(Program(name="sleeper", argv=FOREVER))
    first = supervisor.process_ids()["sleeper"]
    os.kill(first, signal.SIGKILL)

    def is_back() -> bool:
        supervisor.poll()
        return supervisor.process_ids()["sleeper"] != first

    until(is_back)
    assert lives(supervisor.process_ids()["sleeper"])


def test_a_process_that_dies_at_every_start_is_named_with_the_end_of_its_log(
    supervisor: Supervisor,
) -> None:
    argv = (sys.executable, "-c", "raise SystemExit('no such model')")
    supervisor.start(Program(name="broken", argv=argv))

    complaints: list[str] = []

    def gives_up() -> bool:
        try:
            supervisor.poll()
        except ProcessKeepsDying as error:
            complaints.append(str(error))
        return bool(complaints)

    until(gives_up)
    assert "broken" in complaints[0]
    assert "no such model" in complaints[0]


def test_a_process_that_we_kill_ourselves_again_and_again_is_started_again(
    supervisor: Supervisor,
) -> None:
    supervisor.start(Program(name="sleeper", argv=FOREVER))
    for _ in range(QUICK_DEATHS_MAX + 1):
        before = supervisor.process_ids()["sleeper"]
        supervisor.signal("sleeper", signal.SIGKILL)

        def is_back(before: int = before) -> bool:
            supervisor.poll()
            return supervisor.process_ids()["sleeper"] != before

        until(is_back)


def test_stopping_leaves_no_process_not_even_a_deaf_one(
    supervisor: Supervisor, tmp_path: Path, mocker
) -> None:
    mocker.patch("backend.cli.supervisor.STOP_TIMEOUT_S", 0.2)
    supervisor.start(Program(name="sleeper", argv=FOREVER))
    supervisor.start(Program(name="deaf", argv=STUBBORN))
    until(lambda: (tmp_path / "deaf.log").read_text() == "ready\n")
    process_ids = list(supervisor.process_ids().values())
    supervisor.stop()
    assert not any(lives(process_id) for process_id in process_ids)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells children of a parent's end")
def test_children_end_when_the_supervisor_is_killed(tmp_path: Path) -> None:
    script = (
        "import os, sys, time; from pathlib import Path;"
        "from backend.cli.supervisor import Program, Supervisor;"
        f"s = Supervisor(logs=Path({str(tmp_path)!r}), env=os.environ);"
        f"s.start(Program(name='sleeper', argv={FOREVER!r}));"
        "print(s.process_ids()['sleeper'], flush=True); time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as parent:  # noqa: S603 - our own script
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        parent.kill()
    until(lambda: not lives(child))


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells children of a parent's end")
def test_a_supervisor_that_is_a_container_s_first_process_can_have_children(
    supervisor: Supervisor, tmp_path: Path, mocker
) -> None:
    mocker.patch("os.getpid", return_value=1)
    mocker.patch("os.getppid", return_value=1)
    supervisor.start(
        Program(name="child", argv=(sys.executable, "-c", "print('lives')"), restarts=False)
    )
    assert supervisor.wait("child") == 0
    assert (tmp_path / "child.log").read_text() == "lives\n"
