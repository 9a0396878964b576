"""How many jobs' pictures are on their way out at once: a few, first come first served.

Each takes as much memory as several of its pictures, and a core; more at once would end no sooner,
and the first of them later.
"""

import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

AT_ONCE: Final = 4
# How often those who wait are asked whether they still want to.
ASK_EVERY_S: Final = 1.0


class Doorway:
    """Lets `at_once` pass together, others in the order in which they came."""

    def __init__(self, at_once: int = AT_ONCE, *, ask_every_s: float = ASK_EVERY_S) -> None:
        self._free = at_once
        self._ask_every_s = ask_every_s
        self._line: deque[object] = deque()
        self._moved = threading.Condition()

    @contextmanager
    def passing(self, must_go_on: Callable[[], None]) -> Iterator[None]:
        """Be in the doorway while the block runs; `must_go_on` ends waiting for it by raising."""
        self._come_in(must_go_on)
        try:
            yield
        finally:
            with self._moved:
                self._free += 1
                self._moved.notify_all()

    def _come_in(self, must_go_on: Callable[[], None]) -> None:
        place = object()
        with self._moved:
            self._line.append(place)
            try:
                while not self._moved.wait_for(
                    lambda: self._free > 0 and self._line[0] is place, timeout=self._ask_every_s
                ):
                    must_go_on()
                self._free -= 1
            finally:
                self._line.remove(place)
                # Whoever came next may stand in front now.
                self._moved.notify_all()
