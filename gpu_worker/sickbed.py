"""What becomes of a worker whose model does not load: it keeps aside, and tries again.

While other live workers of its family serve, it asks for nothing that they could draw. Where there
is none, it takes jobs and tells each one why it cannot be drawn: nobody waits for it in vain.
"""

import math
from collections.abc import Callable
from concurrent.futures import Future
from typing import Final

import structlog

from gpu_worker.course import Course
from gpu_worker.desk import Desk
from gpu_worker.engine.loop import Engine
from gpu_worker.state import RenderError

# How long after a failure loading is tried again; doubled each time.
FIRST_PAUSE_S: Final = 5.0
LONGEST_PAUSE_S: Final = 120.0
# How often it is seen whether others serve; that means to walk over all keys of the server.
LOOK_EVERY_S: Final = 2.0

_log = structlog.get_logger(__name__)


class Sickbed:
    """Tends one worker; asked by the herald's thread, every few seconds at least."""

    def __init__(
        self,
        *,
        engine: Engine,
        course: Course,
        desk: Desk,
        others_serve: Callable[[], bool],
        clock: Callable[[], float],
    ) -> None:
        self._engine = engine
        self._course = course
        self._desk = desk
        self._others_serve = others_serve
        self._clock = clock
        self._is_occupied = False
        self._loading: Future[None] | None = None
        self._pause_s = FIRST_PAUSE_S
        self._again_at = 0.0
        self._looked_at = -math.inf

    def lay_down(self, error: BaseException) -> None:
        """Take in a worker whose model did not load, for this reason."""
        self._course.fall_ill(reason_of(error))
        self._desk.rest(math.inf)
        self._again_at = self._clock() + self._pause_s
        self._is_occupied = True

    def tend(self) -> None:
        """Let it be up again if its model is loaded; else see whether it is needed, and try."""
        # A job that it drew all the same is proof enough.
        self._is_occupied = self._is_occupied and self._course.is_ill
        if not self._is_occupied:
            return
        if self._loading is not None and self._loading.done():
            error = self._loading.exception()
            self._loading = None
            if error is None:
                self._get_up()
                return
            self._pause_s = min(2 * self._pause_s, LONGEST_PAUSE_S)
            self._again_at = self._clock() + self._pause_s
            _log.warning("model_not_loaded_again", reason=reason_of(error), pause_s=self._pause_s)
        if self._loading is None and self._clock() >= self._again_at:
            self._loading = self._engine.load()
        if self._clock() - self._looked_at >= LOOK_EVERY_S:
            self._looked_at = self._clock()
            self._desk.rest(math.inf if self._others_serve() else 0.0)

    def _get_up(self) -> None:
        self._is_occupied = False
        self._course.recover()
        self._desk.rest(0.0)
        _log.info("model_loaded")


def reason_of(error: BaseException) -> str:
    """Say what failed. Only our own errors' messages: a library's may hold a prompt."""
    return str(error) if isinstance(error, RenderError) else type(error).__name__
