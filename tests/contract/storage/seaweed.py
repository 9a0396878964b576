"""A real S3 server for tests: SeaweedFS, on free ports, with one account and an empty folder.

It checks signatures and expiry. It dies with the test process, even when that is killed.
"""

import contextlib
import json
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.fakes.servers import dies_with_parent

ACCESS_KEY_ID = "test-access-key"
SECRET_ACCESS_KEY = "test-secret-key"  # noqa: S105 - of a server that lives for one test run
START_TIMEOUT_S = 60.0
POLL_S = 0.05

# Every port it would choose by itself; it listens on the admin ports even without the page.
_PORTS = (
    "s3.port",
    "s3.port.grpc",
    "master.port",
    "master.port.grpc",
    "volume.port",
    "volume.port.grpc",
    "volume.port.public",
    "filer.port",
    "filer.port.grpc",
    "filer.port.public",
    "admin.port",
    "admin.port.grpc",
)


@dataclass(frozen=True, kw_only=True)
class S3Server:
    """Where it listens; the account is in this module's constants."""

    endpoint_url: str
    process_id: int


def weed_program() -> Path | None:
    """Find the server's program beside this Python or on the path."""
    beside = Path(sys.executable).with_name("weed")
    found = str(beside) if beside.exists() else shutil.which("weed")
    return Path(found) if found else None


@contextmanager
def s3_server(program: Path) -> Iterator[S3Server]:
    """Run a server for the length of a `with`; asked nicely it stops in 14 s, so it is killed."""
    folder = Path(tempfile.mkdtemp(prefix="weed-"))
    process: subprocess.Popen[bytes] | None = None
    ports: dict[str, int] = {}
    try:
        for _ in range(3):
            _sweep(ports)
            ports = _free_ports()
            process = _launch(program, folder, ports)
            if _is_up(process, ports["s3.port"]):
                break
            _kill(process)
        else:
            raise RuntimeError((folder / "log").read_text(errors="replace"))
        yield S3Server(endpoint_url=f"http://127.0.0.1:{ports['s3.port']}", process_id=process.pid)
    finally:
        if process is not None:
            _kill(process)
        _sweep(ports)
        shutil.rmtree(folder)


def _free_ports() -> dict[str, int]:
    """Return a different free port for each; another process may still take one first."""
    with contextlib.ExitStack() as held:
        probes = {name: held.enter_context(socket.socket()) for name in _PORTS}
        for probe in probes.values():
            probe.bind(("127.0.0.1", 0))
        return {name: probe.getsockname()[1] for name, probe in probes.items()}


def _launch(program: Path, folder: Path, ports: dict[str, int]) -> subprocess.Popen[bytes]:
    account = {
        "name": "tests",
        "credentials": [{"accessKey": ACCESS_KEY_ID, "secretKey": SECRET_ACCESS_KEY}],
        "actions": ["Admin", "Read", "Write", "List", "Tagging"],
    }
    (folder / "s3.json").write_text(json.dumps({"identities": [account]}))
    (folder / "data").mkdir(exist_ok=True)
    options = {
        "dir": folder / "data",
        "ip": "127.0.0.1",
        "ip.bind": "127.0.0.1",
        "s3.config": folder / "s3.json",
        "s3.port.iceberg": 0,
        "s3.port.lance": 0,
        "s3.localSocket": folder / "s3.sock",
        "filer.localSocket": folder / "filer.sock",
        "webdav": "false",
        "admin.ui": "false",
        "s3.autoCreateBucket": "false",
        **ports,
    }
    with (folder / "log").open("ab") as log:
        return subprocess.Popen(  # noqa: S603 - a program we installed, and our own words
            [program, "mini", *(f"-{name}={value}" for name, value in options.items())],
            cwd=folder,
            env={"HOME": str(folder)},
            stdout=log,
            stderr=log,
            preexec_fn=dies_with_parent(),
        )


def _is_up(process: subprocess.Popen[bytes], port: int) -> bool:
    """Wait until a bucket can be made, which needs all its parts."""
    from storage.errors import StorageError
    from storage.object_stores import S3StoreSettings, open_object_store

    settings = S3StoreSettings(
        bucket="ready",
        endpoint_url=f"http://127.0.0.1:{port}",
        access_key_id=ACCESS_KEY_ID,
        secret_access_key=SECRET_ACCESS_KEY,
        ensure_bucket=True,
        max_attempts=1,
    )
    deadline = time.monotonic() + START_TIMEOUT_S
    while process.poll() is None and time.monotonic() < deadline:
        try:
            open_object_store(settings).put("images/ready", b"ready", "text/plain")
        except StorageError:
            time.sleep(POLL_S)
        else:
            return True
    return False


def _sweep(ports: dict[str, int]) -> None:
    """Remove the sockets it leaves in the shared folder, whatever it is told."""
    for port in ports.values():
        for rest in Path("/tmp").glob(f"seaweedfs-*-{port}.sock"):  # noqa: S108 - its choice
            rest.unlink()


def _kill(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()
