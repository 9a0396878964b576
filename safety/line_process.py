"""A process beside this one that is asked by lines, so that tensors live and die in it.

It ends by itself when this process does, for then nobody writes to it any more.
"""

import contextlib
import queue
import subprocess
import sys
import threading
from collections.abc import Sequence
from typing import IO


class LineProcess:
    """Runs a module of ours, and a thread that reads what it says. One caller at a time."""

    def __init__(self, module: str, *arguments: str) -> None:
        command: Sequence[str] = (sys.executable, "-W", "ignore", "-m", module, *arguments)
        self._ran = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            encoding="utf-8",
        )
        self._lines: queue.Queue[str | None] = queue.Queue()
        reader = threading.Thread(
            target=self._read, args=(self._ran.stdout,), name=module, daemon=True
        )
        reader.start()

    def say(self, line: str) -> bool:
        """Write a line; return whether it could be."""
        if self._ran.stdin is None:
            return False
        try:
            self._ran.stdin.write(line + "\n")
            self._ran.stdin.flush()
        except OSError:
            return False
        return True

    def hear(self, *, within_s: float) -> str | None:
        """Return the next line, or None if none comes in time or the process has ended."""
        try:
            return self._lines.get(timeout=within_s)
        except queue.Empty:
            return None

    def end(self) -> None:
        """End it and wait until it is gone."""
        self._ran.kill()
        self._ran.wait()
        if self._ran.stdin is not None:
            with contextlib.suppress(OSError):
                self._ran.stdin.close()

    def _read(self, stdout: IO[str]) -> None:
        with stdout:
            for line in stdout:
                self._lines.put(line)
        self._lines.put(None)
