"""The processes of a drill: started as `impasto up` starts them, but for what draws."""

import os
import signal
import socket
import sys
from collections.abc import Mapping
from typing import Final, cast

from redis import Redis
from redis.exceptions import RedisError

from backend.cli.demo import start_discord
from backend.cli.drill.plan import STEP_S, WORKERS
from backend.cli.stack import Stack
from backend.cli.supervisor import Program
from backend.contracts import claim_key, worker_key
from backend.domain.families import ModelFamily
from backend.domain.jobs import Job

FAMILY: Final = ModelFamily.SDXL
WORKER_NAMES: Final = tuple(f"worker-{number}" for number in range(1, WORKERS + 1))
DISPATCHER_NAMES: Final = ("dispatcher-1", "dispatcher-2")
GATEWAY: Final = "gateway"
BOT: Final = "bot"
BROKER: Final = "valkey"
READY_TIMEOUT_S: Final = 90.0


class Crew:
    """Starts the processes, sends them signals by name, and stops them all."""

    def __init__(self, *, stack: Stack, has_bot: bool) -> None:
        self._stack = stack
        self._has_bot = has_bot
        self._stopped: dict[str, int] = {}
        self.discord: Mapping[str, object] | None = None

    def start(self) -> None:
        """Start everything and wait until all workers are there.

        Raises:
            NotReady: something does not start in time.

        """
        for name in DISPATCHER_NAMES:
            self._start(name, "backend", "dispatcher")
        self._stack.start_gateway()
        for name in WORKER_NAMES:
            self._start(
                name,
                "gpu_worker",
                "--family",
                FAMILY.value,
                IMPASTO_ENGINE="sleeping",
                IMPASTO_SLEEP_STEP_S=str(STEP_S),
            )
        if self._has_bot:
            self.discord = start_discord(self._stack, 0, None)
        self._stack.wait_until(self._is_ready, "The drill's stack", timeout_s=READY_TIMEOUT_S)

    def poll(self) -> None:
        """Have what died started again.

        Raises:
            ProcessKeepsDying: something cannot run.

        """
        self._stack.supervisor.poll()

    def process_id(self, name: str) -> int:
        """Return the id of a process as it is now."""
        return self._stack.supervisor.process_ids()[name]

    def worker_name(self, name: str) -> str:
        """Return the name by which a worker process is known in leases."""
        return f"{socket.gethostname()}-{self.process_id(name)}"

    def holder_of(self, job: Job) -> str:
        """Return the worker that holds a leased job: the lease's, or who has claimed its message.

        Empty when nobody does, or the broker cannot be asked.
        """
        if job.lease is not None and job.lease.worker:
            return job.lease.worker
        try:
            with Redis.from_url(self._stack.redis_url, socket_timeout=1) as client:
                token = cast("bytes | None", client.get(claim_key(job.id, job.attempt)))
        except RedisError:
            return ""
        return "" if token is None else token.decode().rpartition(":")[0]

    def able_workers(self) -> list[str]:
        """Return the workers that have announced themselves and are not held by SIGSTOP."""
        try:
            with Redis.from_url(self._stack.redis_url, socket_timeout=1) as client:
                present = {
                    key.decode().rpartition(":")[2]
                    for key in client.scan_iter(match=worker_key(FAMILY, "*"))
                }
        except RedisError:
            return []
        return [
            name
            for name in WORKER_NAMES
            if self._stopped.get(name) != self.process_id(name)
            and self.worker_name(name) in present
        ]

    def signal(self, name: str, number: signal.Signals) -> None:
        """Send a signal to a process."""
        if number == signal.SIGSTOP:
            self._stopped[name] = self.process_id(name)
        elif number in (signal.SIGCONT, signal.SIGKILL):
            self._stopped.pop(name, None)
        self._stack.supervisor.signal(name, number)

    def wipe_broker(self) -> None:
        """Delete all that the broker holds."""
        with Redis.from_url(self._stack.redis_url) as client:
            client.flushall()

    def kill_all(self) -> None:
        """End every process at once: the books are closed, nobody needs to finish anything."""
        for name in self._stack.supervisor.process_ids():
            self.signal(name, signal.SIGKILL)

    def _start(self, name: str, module: str, *arguments: str, **env: str) -> None:
        argv = (sys.executable, "-m", module, *arguments)
        self._stack.supervisor.start(Program(name=name, argv=argv, env=env))

    def _is_ready(self) -> bool:
        with Redis.from_url(self._stack.redis_url) as client:
            present = sum(1 for _ in client.scan_iter(match=worker_key(FAMILY, "*")))
        return present >= WORKERS and self._stack.has_dispatcher() and self._gateway_listens()

    def _gateway_listens(self) -> bool:
        try:
            with socket.create_connection(
                ("127.0.0.1", self._stack.settings.gateway_port), timeout=1
            ):
                return True
        except OSError:
            return False


def forget_settings() -> None:
    """Drop the user's settings but for times (`IMPASTO_…_S`): a drill touches no real server."""
    for name in [name for name in os.environ if name.startswith("IMPASTO_")]:
        if not name.endswith("_S"):
            del os.environ[name]
