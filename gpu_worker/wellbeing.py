"""When a worker takes itself out of service for a while: what it draws would not leave anyway.

Whatever happens to one job happens to it alone; what would happen to all is not tried on all.
"""

import threading
from collections.abc import Callable
from typing import Final

import structlog

from backend.contracts import RenderBlocked, RenderFailed, RenderFinished, RenderReport
from gpu_worker.course import Course
from gpu_worker.desk import Desk
from gpu_worker.state import OutOfMemory
from gpu_worker.vram.quarantine import REST_S, Quarantine
from safety.verdict import CHECK_FAILED

NO_MEMORY: Final = "several jobs in a row found no memory"
NO_CHECK: Final = "a check failed in one way for several jobs in a row"

_log = structlog.get_logger(__name__)


class Wellbeing:
    """Looks at how jobs end; `trouble_behind` says of a failed check why it fails for all jobs."""

    def __init__(
        self,
        *,
        course: Course,
        desk: Desk,
        trouble_behind: Callable[[str], str],
        clock: Callable[[], float],
    ) -> None:
        self._course = course
        self._desk = desk
        self._trouble_behind = trouble_behind
        self._clock = clock
        self._lock = threading.Lock()
        self._unfed, self._unchecked = Quarantine(), Quarantine()
        self._failed_by = ""

    def mind(self, report: RenderReport) -> None:
        """Rest when jobs in a row found no memory, or none can leave; one drawn is proof."""
        reason = ""
        with self._lock:
            if isinstance(report, RenderFinished):
                self._unfed, self._unchecked = Quarantine(), Quarantine()
                if self._course.recover():
                    self._desk.rest(0.0)
            elif isinstance(report, RenderFailed) and report.code == OutOfMemory.code:
                self._unfed = self._unfed.failed(self._clock())
                reason = NO_MEMORY if self._unfed.is_due else ""
            elif isinstance(report, RenderBlocked):
                reason = self._behind(report)
        if reason:
            _log.error("worker_rests", seconds=REST_S, reason=reason)
            self._course.fall_ill(reason)
            self._desk.rest(REST_S)

    def _behind(self, held: RenderBlocked) -> str:
        """Return why no job's pictures can leave, "" where this one's were held for themselves."""
        if held.category != CHECK_FAILED:
            # All checks have come to a judgement.
            self._unchecked = Quarantine()
            return ""
        if trouble := self._trouble_behind(held.rule):
            return trouble
        if held.rule != self._failed_by:
            # What is broken fails in the same way each time.
            self._unchecked, self._failed_by = Quarantine(), held.rule
        self._unchecked = self._unchecked.failed(self._clock())
        return f"{NO_CHECK} ({held.rule})" if self._unchecked.is_due else ""
