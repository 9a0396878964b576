"""Remembers what is asked for, beyond the worker's own life, and says what to have ready.

One line a use in a file under the worker's home: all workers of a family write there, and each
reads it when it starts.
"""

import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from math import inf
from pathlib import Path
from typing import Final

import structlog

from gpu_worker.compose.popularity import HOUR_S, HOURS_OF_WEEK, Popularity

# What was asked longer ago counts for less than a sixtieth.
KEPT_S: Final = 6 * HOURS_OF_WEEK * HOUR_S
MOST_FILE_BYTES: Final = 16 * 1024 * 1024
_log = structlog.get_logger(__name__)


class Demand:
    """What is asked for of a family; safe to share between threads."""

    def __init__(
        self,
        *,
        path: Path | None = None,
        always_hot: Iterable[str] = (),
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._path = path
        self._always_hot = frozenset(always_hot)
        self._clock = clock
        self._lock = threading.Lock()
        uses = sorted(self._read())
        self._popularity = Popularity(began_at_s=uses[0][0] if uses else clock())
        for at_s, name in uses:
            self._popularity.record(name, at_s)

    def note(self, names: Iterable[str]) -> None:
        """Count one use of each."""
        now_s, names = self._clock(), tuple(names)
        if not names:
            return
        with self._lock:
            for name in names:
                self._popularity.record(name, now_s)
            self._write(now_s, names)

    def worth(self, name: str) -> float:
        """Return how many uses an hour are to be expected; of what is always hot, no end."""
        if name in self._always_hot:
            return inf
        with self._lock:
            return self._popularity.expect_uses(name, self._clock())

    def plan(self, sizes: Mapping[str, int], *, room_bytes: int) -> tuple[str, ...]:
        """Return which of these to have ready now, the most wanted first, as far as room goes."""
        with self._lock:
            return self._popularity.plan(
                self._clock(), sizes=sizes, room_bytes=room_bytes, always_hot=self._always_hot
            )

    def _read(self) -> Iterator[tuple[float, str]]:
        """Return the uses that count; a file that is too long is written anew with those alone."""
        if self._path is None or not self._path.is_file():
            return iter(())
        try:
            lines = self._path.read_text(encoding="utf-8").splitlines()
            since_s = self._clock() - KEPT_S
            uses = [use for use in map(_use_of, lines) if use is not None and use[0] >= since_s]
            if self._path.stat().st_size > MOST_FILE_BYTES:
                shorter = self._path.with_suffix(".new")
                shorter.write_text("".join(_line_of(*use) for use in uses[len(uses) // 2 :]))
                shorter.replace(self._path)
        except (OSError, ValueError) as error:
            _log.warning("uses_not_read", reason=type(error).__name__)
            return iter(())
        return iter(uses)

    def _write(self, at_s: float, names: Iterable[str]) -> None:
        if self._path is None:
            return
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("a", encoding="utf-8") as file:
                file.write("".join(_line_of(at_s, name) for name in names))
        except OSError as error:
            # A hint that is lost; the picture is drawn all the same.
            _log.warning("use_not_noted", reason=type(error).__name__)


def _line_of(at_s: float, name: str) -> str:
    return f"{at_s:.0f} {name}\n"


def _use_of(line: str) -> tuple[float, str] | None:
    at_s, _, name = line.partition(" ")
    return (float(at_s), name) if at_s.isdigit() and name else None
