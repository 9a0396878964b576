"""Runs other processes: starts them in order, restarts what dies, stops all in reverse order."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Self

STOP_TIMEOUT_S = 15.0
QUICK_DEATH_S = 5.0
QUICK_DEATHS_MAX = 4
LOG_TAIL_LINES = 15
_PR_SET_PDEATHSIG = 1


class ProcessKeepsDying(Exception):
    """A process died again and again right after its start."""


@dataclass(kw_only=True)
class Program:
    """One process to run; a program that `restarts` is started again when it dies."""

    name: str
    argv: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)
    restarts: bool = True


@dataclass(kw_only=True)
class _Child:
    program: Program
    process: subprocess.Popen[bytes]
    started_at: float
    quick_deaths: int = 0
    was_signalled: bool = False


class Supervisor:
    """Runs programs with their output in `logs`/<name>.log; leaves nothing behind when it exits.

    On Linux the children also end when the supervisor itself is killed.
    """

    def __init__(self, *, logs: Path, env: Mapping[str, str]) -> None:
        self._logs = logs
        self._env = dict(env)
        self._children: list[_Child] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self, program: Program) -> None:
        """Start a program and keep it running."""
        self._children.append(
            _Child(program=program, process=self._spawn(program), started_at=time.monotonic())
        )

    def set_env(self, name: str, value: str) -> None:
        """Give every program started from now on this variable."""
        self._env[name] = value

    def poll(self) -> None:
        """Restart what has died; call this at least every second.

        Raises:
            ProcessKeepsDying: a program dies right after every start, or may not be restarted.

        """
        for child in self._children:
            status = child.process.poll()
            if status is None:
                continue
            lived_s = time.monotonic() - child.started_at
            if not child.was_signalled:
                child.quick_deaths = child.quick_deaths + 1 if lived_s < QUICK_DEATH_S else 0
            if not child.program.restarts or child.quick_deaths >= QUICK_DEATHS_MAX:
                raise ProcessKeepsDying(self._obituary(child.program, status))
            child.started_at = time.monotonic()
            child.was_signalled = False
            child.process = self._spawn(child.program)

    def process_ids(self) -> dict[str, int]:
        """Return the process id of each program, by name."""
        return {child.program.name: child.process.pid for child in self._children}

    def wait(self, name: str) -> int:
        """Wait for one program to end by itself and return its exit status."""
        child = next(child for child in self._children if child.program.name == name)
        return child.process.wait()

    def signal(self, name: str, number: int) -> None:
        """Send a signal to one program; if it dies of it, that does not count as a quick death."""
        child = next(child for child in self._children if child.program.name == name)
        if child.process.poll() is None:
            child.was_signalled = True
            child.process.send_signal(number)

    def retire(self, name: str) -> None:
        """Stop one program for good."""
        child = next(child for child in self._children if child.program.name == name)
        self._children.remove(child)
        end(child.process)

    def stop(self) -> None:
        """Stop every program, last started first; kill what does not listen."""
        for child in reversed(self._children):
            end(child.process)
        self._children.clear()

    def _spawn(self, program: Program) -> subprocess.Popen[bytes]:
        self._logs.mkdir(parents=True, exist_ok=True)
        with (self._logs / f"{program.name}.log").open("ab") as log:
            return subprocess.Popen(  # noqa: S603 - our own argument lists, no shell
                list(program.argv),
                env={**self._env, **program.env},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                # A terminal's Ctrl-C reaches only us; we stop the children in order.
                start_new_session=True,
                preexec_fn=die_with_parent(),
            )

    def _obituary(self, program: Program, status: int) -> str:
        log = self._logs / f"{program.name}.log"
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-LOG_TAIL_LINES:])
        return f"{program.name} ended with status {status}. The end of {log}:\n{tail}"


def end(process: subprocess.Popen[bytes]) -> None:
    """Ask a process to end; kill it if it does not listen."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(timeout=STOP_TIMEOUT_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def die_with_parent() -> Callable[[], None] | None:
    """Return what a child calls before it begins, so that it ends with us; Linux only.

    The signal follows the thread that started the child: start children on the main thread.
    """
    if sys.platform != "linux":
        return None
    # Looked up here: another thread may hold the loader's lock at the moment of the fork.
    prctl = ctypes.CDLL(None).prctl
    parent = os.getpid()

    def promise() -> None:
        prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            os._exit(1)

    return promise
