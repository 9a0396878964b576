"""Runs a module in a process whose clock is wrong.

`python -m tests.e2e.faults.skewed 3600 backend dispatcher`

Only what tells the time of day is moved; what measures durations is not, as on a real host.
"""

import datetime
import runpy
import sys
import time


def skew(offset_s: float) -> None:
    """Move the clock of this process."""
    real_time, real = time.time, datetime.datetime

    class Skewed(datetime.datetime):
        """A datetime that believes it is another time."""

        @classmethod
        def now(cls, tz: datetime.tzinfo | None = None) -> datetime.datetime:
            return real.now(tz) + datetime.timedelta(seconds=offset_s)

    time.time = lambda: real_time() + offset_s
    datetime.datetime = Skewed  # type: ignore[misc]  # that is the point


if __name__ == "__main__":
    offset, module, *rest = sys.argv[1:]
    skew(float(offset))
    sys.argv = [module, *rest]
    runpy.run_module(module, run_name="__main__", alter_sys=True)
