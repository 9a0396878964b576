"""Nothing of a held or removed picture opens, before, during or after: everything is probed.

Valkey, SQL, dispatcher, gateway and workers are real processes. Faults strike checks, the store,
reports and processes while the prober asks for every key and URL.
"""

import asyncio
import os
import signal
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from backend.bootstrap.accounts import open_accounts
from backend.cli.supervisor import Program, Supervisor
from backend.db.migrate import upgrade
from backend.settings import Settings
from tests.e2e.rest import TERMINAL, Rest
from tests.e2e.unreadable.plans import Plan
from tests.e2e.unreadable.prober import Asked, Prober
from tests.e2e.unreadable.struck_worker import STORES_FIRST
from tests.fakes.servers import ValkeyServer, free_port

PATIENCE_S = 60.0
FILES = {"original.png", "webp.webp", "jpeg.jpg", "avif.avif", "thumbnail_256.webp"}
WORKERS = ("worker-1", "worker-2")
LEASES = {
    "IMPASTO_DISPATCH_LEASE_S": "3",
    "IMPASTO_START_LEASE_S": "4",
    "IMPASTO_PROGRESS_LEASE_S": "4",
}


class Stage:
    """The processes of one home, and a prober of it."""

    def __init__(self, *, home: Path, valkey: ValkeyServer, env: dict[str, str]) -> None:
        self.home = home
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        self.settings = Settings(home=home)
        self.prober = Prober(home=home, url=self.url)
        kept = {name: value for name, value in os.environ.items() if name[:8] != "IMPASTO_"}
        given = {
            "IMPASTO_HOME": str(home),
            "IMPASTO_FAMILIES": "sdxl",
            "IMPASTO_ENGINE": "sleeping",
            "IMPASTO_REDIS_URL": valkey.url,
            "IMPASTO_GATEWAY_PORT": str(port),
            "IMPASTO_PUBLIC_URL": self.url,
            "IMPASTO_IMAGE_CHECK_TIMEOUT_S": "4",
            "PYTHONUNBUFFERED": "1",
        }
        self._supervisor = Supervisor(logs=home / "logs", env={**kept, **given, **LEASES, **env})

    def start(self, workers: tuple[str, ...]) -> None:
        """Start everything."""
        (self.home / "struck").mkdir()
        self._start("dispatcher", "backend", "dispatcher")
        self._start("gateway", "backend", "gateway")
        for name in workers:
            self._start(name, "tests.e2e.unreadable.struck_worker", "--family", "sdxl")

    def stop(self) -> None:
        """End everything."""
        self._supervisor.stop()

    def kill(self, name: str) -> None:
        """Take a process away at once; it is started again."""
        self._supervisor.signal(name, signal.SIGKILL)

    def ask(self, plan: Plan) -> Asked:
        """Ask for the picture of a plan, from an account of its own, and have it probed."""
        key = asyncio.run(self._make_key(plan.name))
        body = {"prompt": "a red boat", "n": 1, "seed": plan.seed}
        status, answer = self.until(
            lambda: self._answer(key, "POST", "/v1/generations", body), "the gateway"
        )
        assert status == 202, answer
        asked = Asked(job_id=str(answer["id"]), plan=plan, api_key=key)
        self.prober.watch(asked)
        return asked

    def job(self, asked: Asked) -> dict[str, Any]:
        """Return what the gateway tells of a job; nothing while it does not answer.

        A frozen account is told nothing any more: of its job the database is asked.
        """
        told = self._answer(asked.api_key, "GET", f"/v1/generations/{asked.job_id}")
        if told is None or told[0] not in (200, 403):
            return {}
        return told[1] if told[0] == 200 else {"status": self._state_of(asked.job_id)}

    def _state_of(self, job_id: str) -> str:
        with closing(sqlite3.connect(self.home / "impasto.db")) as database:
            query = "SELECT state FROM jobs WHERE id = ?"
            return str(database.execute(query, (job_id,)).fetchone()[0])

    def ended(self, asked: Asked) -> dict[str, Any]:
        """Wait until a job has ended."""

        def is_over() -> dict[str, Any]:
            job = self.job(asked)
            return job if job.get("status") in TERMINAL else {}

        found: dict[str, Any] = self.until(is_over, f"the end of {asked.plan!r}")
        return found

    def remove(self, asked: Asked) -> dict[str, Any]:
        """Remove the picture of a job everywhere, as a moderator."""
        path = f"/v1/generations/{asked.job_id}/images/0/removal"
        status, removal = Rest(url=self.url, key=asked.api_key).call("POST", path, {"reason": "x"})
        assert status == 202, removal
        return removal

    def has_struck(self, name: str) -> bool:
        """Say whether a fault has struck."""
        return (self.home / "struck" / name).exists()

    def until(self, is_so: Callable[[], Any], what: str) -> Any:
        """Wait for something, starting again what dies meanwhile."""
        give_up_at = time.monotonic() + PATIENCE_S
        while not (found := is_so()):
            self._supervisor.poll()
            assert time.monotonic() < give_up_at, f"waited in vain for {what}\n{self.logs()}"
            time.sleep(0.05)
        return found

    def logs(self) -> str:
        """Return the ends of all logs."""
        return "\n".join(
            f"--- {log.name}\n" + "\n".join(log.read_text().splitlines()[-8:])
            for log in sorted((self.home / "logs").glob("*.log"))
        )

    def _answer(self, key: str, *call: Any) -> tuple[int, dict[str, Any]] | None:
        try:
            status, told = Rest(url=self.url, key=key).call(*call)
        except (OSError, ValueError):
            return None
        return None if status == 503 else (status, told)

    def _start(self, name: str, *argv: str) -> None:
        self._supervisor.start(Program(name=name, argv=(sys.executable, "-m", *argv)))

    async def _make_key(self, name: str) -> str:
        async with open_accounts(self.settings) as accounts:
            _, secret = await accounts.create_key(name, is_moderator=True)
            return secret


@contextmanager
def a_stage(home: Path, *, workers: tuple[str, ...] = WORKERS, **env: str) -> Iterator[Stage]:
    """Run everything; the prober has ended, and has asked for all once more, when this ends."""
    valkey = ValkeyServer(directory=home)
    valkey.start()
    upgrade(Settings(home=home).database)
    stage = Stage(home=home, valkey=valkey, env=env)
    try:
        stage.start(workers)
        stage.prober.start()
        try:
            yield stage
        finally:
            stage.prober.stop()
    finally:
        stage.stop()
        valkey.stop()


def test_no_key_and_no_url_of_a_held_picture_opens_whatever_strikes(tmp_path: Path) -> None:
    with a_stage(tmp_path) as stage:
        jobs = {plan: stage.ask(plan) for plan in Plan}
        # What is removed is popular: the gateway has it in memory by then.
        stage.ended(jobs[Plan.REMOVED])
        stage.until(lambda: stage.prober.opened.get(Plan.REMOVED, set()) >= FILES, "all files")
        removal = stage.remove(jobs[Plan.REMOVED])
        assert removal["is_finished"]
        stage.prober.is_gone(Plan.REMOVED)
        stage.kill("gateway")
        stage.until(lambda: stage.has_struck("killed-blocked"), "a worker's death")
        stage.kill("dispatcher")
        again = stage.ask(Plan.REMOVED)

        ends = {plan: stage.ended(job) for plan, job in jobs.items()}
        assert stage.ended(again)["status"] == "blocked"

    prober = stage.prober
    assert prober.wrong == []
    assert {plan for plan, job in ends.items() if job["status"] == "blocked"} == {
        plan for plan in Plan if not plan.is_fine
    }
    # And what may be read was, by all that a picture has: so the prober is not blind.
    assert set(prober.opened) == {plan for plan in Plan if plan.is_fine}
    assert all(files >= FILES for files in prober.opened.values())
    assert Plan.PREVIEWED in prober.looked_at
    struck = {path.name for path in (tmp_path / "struck").iterdir()}
    assert struck >= {"half-stored", "killed-stored", "killed-blocked", "looked-at"}
    assert struck >= {f"lost-{plan}" for plan in (Plan.REPORT_LOST, Plan.BLOCK_LOST)}
    assert any(key.startswith("quarantine/") for key in prober.keys)


def test_the_prober_sees_a_worker_that_stores_before_it_judges(tmp_path: Path) -> None:
    with a_stage(tmp_path, workers=WORKERS[:1], **{STORES_FIRST: "1"}) as stage:
        job = stage.ended(stage.ask(Plan.BLOCKED))
        assert job["status"] == "blocked"
    opened = [wrong for wrong in stage.prober.wrong if wrong.startswith(repr(Plan.BLOCKED))]
    assert any("?exp=" in one and "original.png" in one for one in opened)
    assert any("?exp=" in one and "thumbnail_256.webp" in one for one in opened)
