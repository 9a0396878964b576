"""Chooses one thread or all: beside a busy process, two threads can be slower than one."""

import time

import torch

_PROBE_EVERY = 12


class ThreadPace:
    """Times each step, tries the other number of threads now and then, and keeps the faster."""

    def __init__(self, *, most: int) -> None:
        self._choices = sorted({1, max(1, most)})
        self._seconds: dict[int, float] = {}
        self._step = 0
        self._now = self._choices[-1]
        self._since_s = time.monotonic()
        torch.set_num_threads(self._now)

    def step_done(self) -> None:
        """Note how long the step took, and set the threads of the next."""
        now_s = time.monotonic()
        took_s = now_s - self._since_s
        before_s = self._seconds.get(self._now, took_s)
        self._seconds[self._now] = 0.6 * before_s + 0.4 * took_s
        self._step += 1
        best = min(self._choices, key=lambda count: self._seconds.get(count, 0.0))
        others = [count for count in self._choices if count != best]
        probes = self._step % _PROBE_EVERY == 0 and others
        self._now = others[0] if probes else best
        torch.set_num_threads(self._now)
        self._since_s = time.monotonic()
