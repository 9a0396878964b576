"""When a worker that keeps running out of memory takes itself out of service; pure.

Knows no torch: it is asked where jobs are taken, not where they are drawn.
"""

from dataclasses import dataclass

# So many jobs in a row lost for want of memory, within so long, are no accident.
MOST_FAILURES = 3
WINDOW_S = 900.0
# How long a worker rests before it tries itself again.
REST_S = 120.0


@dataclass(frozen=True, kw_only=True)
class Quarantine:
    """Counts jobs lost for want of memory; pure. The worker asks it after each job."""

    failed_at_s: tuple[float, ...] = ()

    def failed(self, now_s: float) -> "Quarantine":
        """Return the count with one more loss, and without those of long ago."""
        recent = (at_s for at_s in self.failed_at_s if now_s - at_s < WINDOW_S)
        return Quarantine(failed_at_s=(*recent, now_s)[-MOST_FAILURES:])

    def succeeded(self) -> "Quarantine":
        """Return an empty count: a job that was drawn shows that the worker can."""
        return Quarantine()

    @property
    def is_due(self) -> bool:
        """Whether the worker should take no more jobs."""
        return len(self.failed_at_s) >= MOST_FAILURES

    def may_try_again(self, now_s: float) -> bool:
        """Tell whether a worker out of service has rested long enough to take one job."""
        return not self.is_due or now_s - self.failed_at_s[-1] >= REST_S
