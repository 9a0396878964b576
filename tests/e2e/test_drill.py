"""`impasto drill`, as an operator runs it, small; and what it leaves behind."""

import json
import signal
import subprocess
import time
from pathlib import Path

from tests.e2e.conftest import IMPASTO, make_box, processes_named

KEYS = {
    "submitted",
    "delivered",
    "failed",
    "blocked",
    "cancelled",
    "lost",
    "delivered_twice",
    "charged_twice",
    "ledger_sum",
    "recovery_p50_s",
    "recovery_p95_s",
}
JOBS = 12
# A worker, a dispatcher, the gateway, the bot: killed; a worker paused; the broker wiped.
FAULTS, SEED = 6, 273
SHORT = {
    "IMPASTO_START_LEASE_S": "6",
    "IMPASTO_PROGRESS_LEASE_S": "6",
    "IMPASTO_DISPATCH_LEASE_S": "4",
}


def test_a_small_drill_loses_and_doubles_nothing(tmp_path: Path) -> None:
    home = tmp_path / "home"
    # A production's settings lie around: the drill must not touch what they name.
    production = "postgresql://u@127.0.0.1:1/production"
    box = make_box(tmp_path, IMPASTO_DATABASE_URL=production, **SHORT)
    done = box.impasto(
        *("drill", "--jobs", str(JOBS), "--faults", str(FAULTS), "--seed", str(SEED), "--json"),
        *("--keep", str(home)),
        timeout_s=400,
    )
    assert done.returncode == 0, (done.stdout, done.stderr)
    ledger = json.loads(done.stdout)
    assert ledger.keys() == KEYS
    assert ledger["submitted"] == JOBS
    ended = sum(ledger[state] for state in ("delivered", "failed", "blocked", "cancelled"))
    assert ended == JOBS
    assert (ledger["lost"], ledger["delivered_twice"], ledger["charged_twice"]) == (0, 0, 0)
    assert ledger["ledger_sum"] > 0
    assert 0 < ledger["recovery_p50_s"] <= ledger["recovery_p95_s"]
    assert processes_named(home, ()) == []


def test_an_interrupted_drill_leaves_no_process_and_no_folder(tmp_path: Path) -> None:
    env = {**make_box(tmp_path).env, "TMPDIR": str(tmp_path)}
    process = subprocess.Popen(  # noqa: S603 - our own command
        [IMPASTO, "drill", "--jobs", "30", "--faults", "20"],
        env=env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        home = wait_for_drill(tmp_path, process)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 130
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    assert processes_named(home, ()) == []
    assert not home.exists()


def wait_for_drill(folder: Path, process: subprocess.Popen[bytes]) -> Path:
    """Wait until a drill in this folder has injected a fault; return its home."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        assert process.poll() is None
        for log in folder.glob("impasto-drill-*/logs/drill.log"):
            if "drill.fault" in log.read_text():
                return log.parents[1]
        time.sleep(0.1)
    raise AssertionError(list(folder.rglob("*.log")))
