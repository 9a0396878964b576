"""What happens between two steps: tell how far it is, and look whether the job is still wanted."""

import threading
import time
from collections.abc import Callable

from gpu_worker.state import Cancelled

REPORT_EVERY_S = 0.2
# No load, step or decoding takes so long, not even a large model's on a CPU.
STUCK_AFTER_S = 1800.0


class StepWatch:
    """An `OnStep` for one job: throttles its reports, raises when it has been cancelled."""

    def __init__(
        self,
        *,
        report: Callable[[int, int], None],
        is_cancelled: Callable[[], bool],
        expected_steps: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._report = report
        self._is_cancelled = is_cancelled
        self._clock = clock
        self._done = 0
        self._steps = expected_steps
        self._reported_at: float | None = None
        self._moved_at = clock()
        self._lock = threading.Lock()

    def __call__(self, done: int, steps: int) -> None:
        """Report this step, unless one was reported a moment ago; first and last always are.

        Raises:
            Cancelled: the job is no longer wanted.

        """
        with self._lock:
            is_first = self._done == 0 or self._reported_at is None
            self._done, self._steps = done, steps
            now = self._moved_at = self._clock()
            if is_first or done >= steps or now - self._last_report() >= REPORT_EVERY_S:
                self._reported_at = now
                self._report(done, steps)
        if self._is_cancelled():
            raise Cancelled

    def hold(self) -> bool:
        """Say again how far it is: a long load, step or check must not look like a lost job.

        False, and nothing is said, once so long has passed that it will never end.
        """
        with self._lock:
            if self._clock() - self._moved_at >= STUCK_AFTER_S:
                return False
            self._report(self._done, self._steps)
            return True

    def _last_report(self) -> float:
        return self._reported_at if self._reported_at is not None else float("-inf")
