"""The processes of one box, wired to each other: what `up`, `demo` and `imagine` start."""

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from redis import Redis

from backend.cli import valkey
from backend.cli.extras import must_be_installed
from backend.cli.supervisor import Program, Supervisor
from backend.contracts import WORKER_KEYS, WorkerState, parse_presence, worker_key
from backend.db.migrate import upgrade
from backend.dispatch.leader import ALIVE_KEY, LEADER_KEY
from backend.domain.families import ModelFamily
from backend.models.starters import starter_model
from backend.settings import Settings

READY_TIMEOUT_S = 120.0
# A server on this machine, or near it, answers sooner or is asked again.
ANSWER_S = 5.0


class NotReady(Exception):
    """A process did not become ready in time."""


class Stack:
    """The processes of one IMPASTO_HOME: finds what runs, starts what is missing."""

    def __init__(
        self,
        *,
        settings: Settings,
        supervisor: Supervisor,
        redis_url: str,
        is_borrowing: bool = False,
    ) -> None:
        self.settings = settings
        self.supervisor = supervisor
        self.redis_url = redis_url
        self._is_borrowing = is_borrowing

    def ensure(self, family: ModelFamily) -> None:
        """Start a dispatcher and a worker of this family, unless such run or have been started.

        Raises:
            RedisError: the server does not answer.

        """
        ours = self.supervisor.process_ids()
        # The server is asked in any case: with all processes ours, nobody else would miss it.
        if not self.has_dispatcher() and "dispatcher" not in ours:
            self.start_dispatcher()
        if not self.has_worker(family) and f"worker-{family}" not in ours:
            self.start_worker(family)

    def start_dispatcher(self) -> None:
        """Start a dispatcher; beside another one it is a standby."""
        self.supervisor.start(Program(name="dispatcher", argv=_python("backend", "dispatcher")))

    def start_gateway(self) -> None:
        """Start the gateway."""
        self.supervisor.start(Program(name="gateway", argv=_python("backend", "gateway")))

    def start_worker(self, family: ModelFamily) -> None:
        """Start a worker; a family without a model gets the starter model where there is one."""
        must_be_installed("worker")
        self.supervisor.start(
            Program(
                name=f"worker-{family}",
                argv=_python("gpu_worker", "--family", family.value),
                env=model_env(self.settings, family),
            )
        )

    def start_bot(self, **env: str) -> None:
        """Start the bot."""
        must_be_installed("bot")
        self.supervisor.start(Program(name="bot", argv=_python("bot"), env=env))

    def has_dispatcher(self) -> bool:
        """Say whether a dispatcher has been alive within the last seconds."""
        with self._redis() as client:
            return bool(client.exists(ALIVE_KEY))

    def has_worker(self, family: ModelFamily) -> bool:
        """Say whether a worker of this family is there and done with loading, for good or ill."""
        with self._redis() as client:
            keys = list(client.scan_iter(match=worker_key(family, "*")))
            said = client.mget(keys) if keys else []
        loading = (WorkerState.INITIALISING, WorkerState.LOADING)
        return any(value and parse_presence(value).state not in loading for value in said)

    def _redis(self) -> Redis:
        """Open a connection on which nobody waits for ever."""
        return Redis.from_url(
            self.redis_url, socket_timeout=ANSWER_S, socket_connect_timeout=ANSWER_S
        )

    def has_lost_server(self) -> bool:
        """Say whether the server was another command's, which has taken it down for good."""
        address = valkey.announced(self.settings.home)
        return self._is_borrowing and (address is None or address.url != self.redis_url)

    def wait_until(
        self, is_ready: Callable[[], bool], what: str, *, timeout_s: float = READY_TIMEOUT_S
    ) -> None:
        """Wait for something, keeping the processes alive meanwhile.

        Raises:
            NotReady: it took too long.
            ProcessKeepsDying: a process cannot run.

        """
        deadline = time.monotonic() + timeout_s
        while not is_ready():
            self.supervisor.poll()
            if time.monotonic() > deadline:
                raise NotReady(f"{what} did not become ready; see {self.settings.home / 'logs'}.")
            time.sleep(0.1)

    def run_until_stopped(self) -> None:
        """Keep the processes alive until SIGINT or SIGTERM.

        Raises:
            NotReady: the Valkey server was another command's, which has ended.
            ProcessKeepsDying: a process cannot run.

        """
        stopped = False

        def stop(number: int, frame: object) -> None:
            nonlocal stopped
            stopped = True

        previous = {
            number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)
        }
        try:
            while not stopped:
                self.supervisor.poll()
                if self.has_lost_server():
                    raise NotReady("The command that ran the Valkey server has ended.")
                time.sleep(0.2)
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)


def model_env(settings: Settings, family: ModelFamily) -> dict[str, str]:
    """Return what a worker has to be told beside the settings: the starter model, if it draws."""
    starter = None if settings.model_source(family) else starter_model(family)
    return {} if starter is None else {model_setting(family): str(starter)}


def model_setting(family: ModelFamily) -> str:
    """Name the variable that chooses a family's model."""
    return f"IMPASTO_MODEL_{family.upper()}"


@contextmanager
def open_stack(settings: Settings) -> Iterator[Stack]:
    """Migrate the database, find or start Valkey, and yield a stack that ends with the block."""
    home = settings.home.absolute()
    settings.make_home()
    env = {
        **os.environ,
        "IMPASTO_HOME": str(home),
        "IMPASTO_FAMILIES": ",".join(settings.families),
        "PYTHONUNBUFFERED": "1",
    }
    upgrade(settings.database)
    with Supervisor(logs=home / "logs", env=env) as supervisor:
        redis_url, is_ours = _ensure_redis(settings, supervisor, home)
        supervisor.set_env("IMPASTO_REDIS_URL", redis_url)
        try:
            yield Stack(
                settings=settings.model_copy(update={"home": home, "redis_url": redis_url}),
                supervisor=supervisor,
                redis_url=redis_url,
                is_borrowing=settings.redis_url is None and not is_ours,
            )
        finally:
            if is_ours:
                # Another command must neither find a server that is about to end nor start one over
                # its files before it has ended.
                with valkey.start_lock(home):
                    supervisor.stop()
                    valkey.retract(home)


def running_redis(settings: Settings) -> str:
    """Return the URL of the server that the processes of this installation share.

    Raises:
        NotReady: none runs.

    """
    if settings.redis_url is not None:
        return _must_answer(settings.redis_url)
    home = settings.home.absolute()
    running = valkey.find_running(home)
    if running is None:
        raise NotReady(
            f"Nothing runs in {home}. Start it with `impasto up`, or set IMPASTO_HOME or "
            "IMPASTO_REDIS_URL as they are set where it runs."
        )
    return running.url


def _must_answer(redis_url: str) -> str:
    if not valkey.answers(redis_url):
        raise NotReady("The server in IMPASTO_REDIS_URL does not answer. Start it, or unset it.")
    return redis_url


def _ensure_redis(settings: Settings, supervisor: Supervisor, home: Path) -> tuple[str, bool]:
    if settings.redis_url is not None:
        return _must_answer(settings.redis_url), False
    with valkey.start_lock(home):
        running = valkey.find_running(home)
        if running is not None:
            return running.url, False
        program, address = valkey.make_program(home)
        supervisor.start(program)
        valkey.announce(home, address)
        _forget_the_dead(address.url)
    return address.url, True


def _forget_the_dead(redis_url: str) -> None:
    """Drop the presence of processes that ended with the server's last life."""
    with Redis.from_url(redis_url) as client:
        for pattern in (WORKER_KEYS, ALIVE_KEY, LEADER_KEY):
            for key in client.scan_iter(match=pattern):
                client.delete(key)


def _python(module: str, *arguments: str) -> Sequence[str]:
    return (sys.executable, "-m", module, *arguments)
