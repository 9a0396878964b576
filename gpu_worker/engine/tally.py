"""Counts what the engine does, for whoever watches."""

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Final

WINDOW_S: Final = 10


class Tally:
    """Looks of the network and steps of jobs, in all and of late; safe to read from any thread."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._of_late: deque[tuple[int, int]] = deque()  # whole second, steps in it
        self.looks = 0
        self.steps = 0

    def count(self, steps: int) -> None:
        """Note one look that brought so many jobs a step further."""
        with self._lock:
            self.looks += 1
            self.steps += steps
            second = int(self._clock())
            if self._of_late and self._of_late[-1][0] == second:
                steps += self._of_late.pop()[1]
            self._of_late.append((second, steps))
            self._forget(second)

    def steps_per_second(self) -> float:
        """Return how many steps a second were taken in the last ten whole ones."""
        with self._lock:
            now = int(self._clock())
            self._forget(now)
            return sum(steps for second, steps in self._of_late if second < now) / WINDOW_S

    def _forget(self, now: int) -> None:
        while self._of_late and self._of_late[0][0] < now - WINDOW_S:
            self._of_late.popleft()
