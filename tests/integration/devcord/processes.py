"""Start the offline Discord and bots as processes, and look at what they do to each other."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[3]
TIMEOUT_S = 30.0


def python(*arguments: str, **options: Any) -> subprocess.Popen[str]:
    """Start this interpreter on the repository's packages."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(  # noqa: S603 - our own interpreter
        [sys.executable, *arguments], env=environment, cwd=ROOT, text=True, **options
    )


def eventually(look: Callable[[], object], *, timeout_s: float = TIMEOUT_S) -> None:
    """Wait until ``look`` sees something true."""
    deadline = time.monotonic() + timeout_s
    while not look():
        assert time.monotonic() < deadline, f"not seen within {timeout_s} s"
        time.sleep(0.05)


@dataclass(frozen=True)
class Answer:
    """What a request brought back."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def http(
    method: str,
    url: str,
    body: object = None,
    *,
    raw: bytes | None = None,
    headers: dict[str, str] | None = None,
) -> Answer:
    """Make one request and return its answer, whatever its status."""
    data = raw if raw is not None else None if body is None else json.dumps(body).encode()
    sent = {"Content-Type": "application/json", **(headers or {})}
    request = urllib.request.Request(url, data=data, method=method, headers=sent)  # noqa: S310 - loopback
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as answer:  # noqa: S310 - as above
            return Answer(answer.status, dict(answer.headers), answer.read())
    except urllib.error.HTTPError as error:
        with error:
            return Answer(error.code, dict(error.headers), error.read())


@dataclass
class Devcord:
    """The offline Discord, running as a process."""

    process: subprocess.Popen[str]
    ready: dict[str, Any]
    ready_file: Path

    def get(self, what: str) -> Any:
        """Read one of the back door's lists."""
        return http("GET", f"{self.ready['control']}/{what}").json

    def act(self, actor: str, verb: str, **wish: Any) -> dict[str, Any]:
        """Do something as a person; raise when a person could not."""
        answer = http("POST", f"{self.ready['control']}/act", {"actor": actor, "verb": verb} | wish)
        assert answer.status == 200, answer.json
        return answer.json

    def refusal(self, actor: str, verb: str, **wish: Any) -> str:
        """Try what a person cannot do and return the reason."""
        answer = http("POST", f"{self.ready['control']}/act", {"actor": actor, "verb": verb} | wish)
        assert answer.status == 409, answer.body
        return answer.json["error"]

    def message(self, message_id: str) -> dict[str, Any]:
        """Return one message as it is now."""
        return next(each for each in self.get("messages") if each["id"] == message_id)

    def wait_for_content(self, message_id: str, text: str) -> dict[str, Any]:
        """Wait until a message contains the text."""
        eventually(lambda: text in self.message(message_id)["content"])
        return self.message(message_id)

    def wait_for_bots(self, count: int) -> None:
        """Wait until this many sessions are connected."""
        eventually(lambda: self.get("ready")["bots"] == count)


@contextlib.contextmanager
def devcord_process(folder: Path, *arguments: str) -> Iterator[Devcord]:
    """Run the offline Discord; stop it at the end and see that it stops well."""
    ready_file = folder / "devcord.json"
    process = python(
        "-m", "bot.devcord", "--ready-file", str(ready_file), *arguments, stdout=subprocess.PIPE
    )
    try:
        eventually(lambda: ready_file.exists() or process.poll() is not None)
        assert process.poll() is None, "the offline Discord did not start"
        yield Devcord(process, json.loads(ready_file.read_text()), ready_file)
    finally:
        stop(process)


@contextlib.contextmanager
def bot_process(devcord: Devcord, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """Run the echo bot against an offline Discord until it has registered its commands."""
    process = python(
        "-m",
        "tests.integration.devcord.echo_bot",
        devcord.ready["api_base"],
        devcord.ready["gateway"],
        *arguments,
        stdout=subprocess.PIPE,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield process
    finally:
        stop(process)


def stop(process: subprocess.Popen[str], number: int = signal.SIGTERM) -> int:
    """Send a signal and return the exit status."""
    if process.poll() is None:
        process.send_signal(number)
    try:
        status = process.wait(TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        raise
    if process.stdout is not None:
        process.stdout.close()
    return status
