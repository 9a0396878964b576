"""An installation of real processes, every one of its links through a proxy of its own."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

import psycopg
import redis
from PIL import Image, ImageChops, ImageStat
from psycopg.rows import dict_row

from backend.cli.supervisor import Program, Supervisor
from backend.contracts import ModelFamily, worker_key
from backend.dispatch.leader import ALIVE_KEY, LEADER_KEY
from tests.contract.storage.seaweed import ACCESS_KEY_ID, SECRET_ACCESS_KEY
from tests.e2e.rest import TERMINAL, Rest
from tests.fakes.proxy import Proxy, proxy_to
from tests.fakes.servers import PostgresServer, ValkeyServer, dies_with_parent, free_port
from tests.fakes.store_front import StoreFront

PATIENCE_S: Final = 90.0
POLL_S: Final = 0.02
WORKERS: Final = ("worker-1", "worker-2")
DISPATCHERS: Final = ("dispatcher-1", "dispatcher-2")
GATEWAY: Final = "gateway"
STEPS: Final = 12
BUCKET: Final = "pictures"
LEASES: Final = {
    "IMPASTO_DISPATCH_LEASE_S": "4",
    "IMPASTO_START_LEASE_S": "6",
    "IMPASTO_PROGRESS_LEASE_S": "6",
}


class House:
    """A gateway, two dispatchers and two workers over PostgreSQL, Valkey and an S3 server.

    `to_database`, `to_broker` and `to_store` are the proxies of each process, by its name.
    """

    def __init__(
        self,
        *,
        home: Path,
        postgres: PostgresServer,
        database: str,
        valkey: ValkeyServer,
        front: StoreFront,
    ) -> None:
        self.home = home
        self.postgres = postgres
        self.valkey = valkey
        self.front = front
        self.database_url = postgres.url.replace("+psycopg", "").replace(
            "/postgres?", f"/{database}?"
        )
        self._database = database
        self._open = ExitStack()
        self.to_database: dict[str, Proxy] = {}
        self.to_broker: dict[str, Proxy] = {}
        self.to_store: dict[str, Proxy] = {}
        self.bot_env: dict[str, str] = {}
        self.port = free_port()
        self._supervisor = Supervisor(logs=home / "logs", env=self._env())
        self.rest = Rest(url=f"http://127.0.0.1:{self.port}", key="")

    def start(self, key: str) -> None:
        """Start every process and wait until all are there; `key` is an account's API key."""
        self.rest = Rest(url=self.rest.url, key=key)
        for name in DISPATCHERS:
            self.start_process(name, "backend", "dispatcher")
        self.start_process(GATEWAY, "backend", "gateway")
        for name in WORKERS:
            self.start_process(name, "gpu_worker", "--family", "sdxl")
        self.until(self.is_whole, "the house")

    def stop(self) -> None:
        """End every process, then the proxies."""
        for name in self._supervisor.process_ids():
            self._supervisor.signal(name, signal.SIGCONT)
            self._supervisor.signal(name, signal.SIGKILL)
        self._supervisor.stop()
        self._open.close()

    def run_aside(
        self, argv: Sequence[str], *, stderr: int, **env: str
    ) -> "subprocess.Popen[bytes]":
        """Run a process on the gateway's links that nobody starts again."""
        return subprocess.Popen(  # noqa: S603 - our own words
            argv,
            env={**self._env(), **self._links(GATEWAY), **env},
            stderr=stderr,
            preexec_fn=dies_with_parent(),
        )

    def start_process(self, name: str, *argv: str, **env: str) -> None:
        """Start one more process of ours, on links of its own."""
        socket_file = self.postgres.folder / ".s.PGSQL.5432"
        self.to_database[name] = self._open.enter_context(proxy_to(socket_file))
        self.to_broker[name] = self._open.enter_context(proxy_to(self.valkey.port))
        self.to_store[name] = self._open.enter_context(proxy_to(self.front.port))
        program = Program(
            name=name, argv=(sys.executable, "-m", *argv), env={**self._links(name), **env}
        )
        self._supervisor.start(program)

    def _links(self, name: str) -> dict[str, str]:
        return {
            "IMPASTO_DATABASE_URL": (
                f"postgresql://postgres@127.0.0.1:{self.to_database[name].port}/{self._database}"
            ),
            "IMPASTO_REDIS_URL": f"redis://127.0.0.1:{self.to_broker[name].port}/0",
            "IMPASTO_S3_ENDPOINT_URL": f"http://127.0.0.1:{self.to_store[name].port}",
        }

    def retire(self, name: str) -> None:
        """Stop a process for good."""
        self._supervisor.retire(name)

    def leader(self) -> str:
        """Return the dispatcher that leads: the one that says it is alive."""
        links = {name: self.to_broker[name] for name in DISPATCHERS}
        traps = {name: link.set_trap(ALIVE_KEY.encode()) for name, link in links.items()}
        found: str = self.until(
            lambda: next((name for name, trap in traps.items() if trap.sprung.is_set()), None),
            "a leader",
        )
        for link in links.values():
            link.heal()
        return found

    def signal(self, name: str, number: signal.Signals) -> None:
        """Send a signal; who dies of it is started again."""
        self._supervisor.signal(name, number)

    def kill(self, name: str) -> None:
        """Take a process away at once."""
        self.signal(name, signal.SIGKILL)

    def process_id(self, name: str) -> int:
        """Return the id of a process as it is now."""
        return self._supervisor.process_ids()[name]

    def until(
        self, is_so: Callable[[], object], what: str, *, patience_s: float = PATIENCE_S
    ) -> Any:
        """Wait for something, starting again what dies meanwhile; return what was found."""
        give_up_at = time.monotonic() + patience_s
        while not (found := is_so()):
            self._supervisor.poll()
            assert time.monotonic() < give_up_at, f"waited in vain for {what}\n{self.logs()}"
            time.sleep(POLL_S)
        return found

    def heal(self) -> None:
        """Lift every fault on every link and server, and let stopped processes go on."""
        for proxy in (
            *self.to_database.values(),
            *self.to_broker.values(),
            *self.to_store.values(),
        ):
            proxy.heal()
        self.front.heal()
        for name in self._supervisor.process_ids():
            self._supervisor.signal(name, signal.SIGCONT)

    def is_whole(self) -> bool:
        """Say whether every process is there and does its work."""
        try:
            with self.broker() as client:
                present = [worker_key(ModelFamily.SDXL, self.worker_name(one)) for one in WORKERS]
                if client.exists(LEADER_KEY, *present) < 1 + len(present):
                    return False
        except redis.RedisError:
            return False
        return self._answers()

    def broker(self) -> redis.Redis:
        """Open a client of the Valkey server that no fault of a link can reach."""
        return redis.Redis(port=self.valkey.port, socket_timeout=5)

    def query(self, text: str, *values: object) -> list[dict[str, Any]]:
        """Ask the database, past every proxy."""
        with psycopg.connect(self.database_url, autocommit=True) as connection:
            return connection.cursor(row_factory=dict_row).execute(text, values).fetchall()

    def submit(self, *, key: str | None = None, **body: object) -> str:
        """Ask for a picture; it must be accepted."""
        headers = {} if key is None else {"Idempotency_Key": key}
        asked = {"prompt": "a red boat", "n": 1, "steps": STEPS, "seed": 7, **body}
        status, answer = self.rest.call("POST", "/v1/generations", asked, **headers)
        assert status == 202, (status, answer)
        return str(answer["id"])

    def ask(self, *, key: str | None = None, **body: object) -> str | None:
        """Ask for a picture in bad times: return the job's id, or None for an honest refusal.

        Refused is what says when to come again. Anything else, a broken link too, fails.
        """
        headers = {} if key is None else {"Idempotency_Key": key}
        asked = {"prompt": "a red boat", "n": 1, "steps": STEPS, "seed": 7, **body}
        status, told, answer = self.rest.call_fully("POST", "/v1/generations", asked, **headers)
        if status == 503:
            assert answer["code"] == "unavailable"
            assert int(told["Retry-After"]) > 0
            return None
        assert status == 202, (status, answer)
        return str(answer["id"])

    def job(self, job_id: str) -> dict[str, Any]:
        """Return a job's row."""
        (row,) = self.query("SELECT * FROM jobs WHERE id = %s", job_id)
        return row

    def ended(self, *job_ids: str, patience_s: float = PATIENCE_S) -> list[dict[str, Any]]:
        """Wait until jobs have ended; return their rows in this order."""

        def all_ended() -> list[dict[str, Any]]:
            rows = [self.job(job_id) for job_id in job_ids]
            return rows if all(row["state"] in TERMINAL for row in rows) else []

        found: list[dict[str, Any]] = self.until(
            all_ended, f"the end of {job_ids}", patience_s=patience_s
        )
        return found

    def events(self, job_id: str) -> list[str]:
        """Return the kinds of a job's committed events, in order."""
        rows = self.query("SELECT kind FROM job_events WHERE job_id = %s ORDER BY sequence", job_id)
        return [str(row["kind"]) for row in rows]

    def holder(self, job_id: str) -> str:
        """Wait until a worker draws a job, and has taken a step; return the process' name."""

        def drawing() -> str | None:
            row = self.job(job_id)
            steps = (row["progress"] or {}).get("step", 0)
            names = {self.worker_name(name): name for name in WORKERS}
            return names.get(row["lease_worker"]) if steps else None

        found: str = self.until(drawing, f"a worker that draws {job_id}")
        return found

    def worker_name(self, name: str) -> str:
        """Return the name by which a worker process is known in leases."""
        return f"{socket.gethostname()}-{self.process_id(name)}"

    def unfinished(self) -> list[dict[str, Any]]:
        """Return the jobs that have not ended."""
        return self.query("SELECT * FROM jobs WHERE state IN ('queued', 'rendering')")

    def doubled(self) -> list[dict[str, Any]]:
        """Return the jobs that were delivered twice: there must never be one."""
        return self.query(
            "SELECT job_id, count(*) FROM job_events WHERE kind = 'delivered'"
            " GROUP BY job_id HAVING count(*) > 1"
        )

    def wrongly_booked(self) -> list[dict[str, Any]]:
        """Return the ended jobs that cost something and may not, or the other way round."""
        return self.query(
            "SELECT jobs.id, state, sum(gpu_ms) AS gpu_ms FROM jobs JOIN ledger ON job_id = jobs.id"
            " GROUP BY jobs.id, state"
            " HAVING (state = 'delivered' AND sum(gpu_ms) <= 0)"
            " OR (state IN ('failed', 'blocked') AND sum(gpu_ms) <> 0)"
        )

    def logs(self) -> str:
        """Return the ends of all logs."""
        return "\n".join(
            f"--- {log.name}\n" + "\n".join(log.read_text().splitlines()[-8:])
            for log in sorted((self.home / "logs").glob("*.log"))
        )

    def _answers(self) -> bool:
        try:
            status, _ = self.rest.call("GET", "/v1/generations?limit=1")
        except OSError:
            return False
        return status == 200

    def _env(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if name[:8] != "IMPASTO_"}
        return {
            **kept,
            **LEASES,
            "IMPASTO_HOME": str(self.home),
            "IMPASTO_FAMILIES": "sdxl",
            "IMPASTO_GATEWAY_PORT": str(self.port),
            "IMPASTO_PUBLIC_URL": f"http://127.0.0.1:{self.port}",
            "IMPASTO_ENGINE": "sleeping",
            "IMPASTO_SLEEP_STEP_S": "0.06",
            "IMPASTO_S3_BUCKET": BUCKET,
            "IMPASTO_S3_ACCESS_KEY_ID": ACCESS_KEY_ID,
            "IMPASTO_S3_SECRET_ACCESS_KEY": SECRET_ACCESS_KEY,
            "PYTHONUNBUFFERED": "1",
        }


# A mark costs 42 dB: a root mean square of two levels; two pictures bring two marks.
MARK_RMS_MAX = 6.0


def pictures(row: dict[str, Any]) -> Sequence[str]:
    """Return the digests of the pictures of a delivered job."""
    assert row["state"] == "delivered", row
    return [str(image["sha256"]) for image in row["result"]["images"]]


def are_alike(picture: Image.Image, other: Image.Image) -> bool:
    """Say whether pictures differ by no more than marks, which no two pictures share."""
    difference = ImageStat.Stat(ImageChops.difference(picture, other))
    return picture.size == other.size and max(difference.rms) < MARK_RMS_MAX
