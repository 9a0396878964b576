"""A stream for log lines that never holds up who writes."""

import atexit
import contextlib
import queue
import threading
import time
from typing import TextIO


class LogStream:
    """A stream for log lines that never holds up who writes, nor fails.

    A thread passes them on. Where nobody reads what is written, or no room is left for it, lines
    are dropped: a service must not stop for its log.
    """

    def __init__(self, stream: TextIO, *, lines_max: int = 10_000) -> None:
        self._stream = stream
        self._lines: queue.Queue[str] = queue.Queue(maxsize=lines_max)
        self._writer = threading.Thread(target=self._pass_on, name="log", daemon=True)
        self._writer.start()
        atexit.register(self.flush, within_s=1.0)

    def write(self, text: str) -> None:
        """Take a line, or drop it when too many wait."""
        with contextlib.suppress(queue.Full):
            self._lines.put_nowait(text)

    def flush(self, *, within_s: float = 0.0) -> None:
        """Wait for so long, at most, until what was taken is written."""
        give_up_at = time.monotonic() + within_s
        while self._lines.unfinished_tasks and time.monotonic() < give_up_at:
            time.sleep(0.005)

    def _pass_on(self) -> None:
        while True:
            text = self._lines.get()
            with contextlib.suppress(OSError, ValueError):
                self._stream.write(text)
                self._stream.flush()
            self._lines.task_done()
