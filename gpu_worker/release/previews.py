"""Shows pictures on their way: one thread draws, checks and hands out; the newest of a job wins.

Whoever draws only leaves word here and goes on. After a job has ended nothing of it is shown.
"""

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

import structlog
from PIL import Image

from backend.contracts import RenderJob
from gpu_worker.release.papers import Papers, papers_of
from gpu_worker.release.pipeline import ReleasedPreview
from gpu_worker.release.policies import policy_of
from gpu_worker.release.screening import Held, words_of
from safety.policy import Policy
from safety.verdict import CHECK_FAILED

# A check that hangs leaves a thread behind: no more is asked of it for a while.
REST_S: Final = 60.0

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, kw_only=True)
class Sketch:
    """How far a job is, and what draws its pictures as they would be now: small and unchecked."""

    job: RenderJob
    step: int
    steps: int
    draw: Callable[[], Sequence[Image.Image]]


class Screen(Protocol):
    """What lets a preview leave."""

    def release_preview(
        self,
        pictures: Sequence[Image.Image],
        *,
        clearances: frozenset[str],
        papers: Papers,
        words: str,
        policy: Policy | None,
    ) -> ReleasedPreview:
        """Return what may be shown.

        Raises:
            Held: nothing may.

        """


@dataclass(kw_only=True, eq=False)
class _Sitting:
    """What is known of one job; the lock is held while it is shown or taken back."""

    telling: threading.Lock = field(default_factory=threading.Lock)
    newest: Sketch | None = None
    is_shown: bool = False
    is_over: bool = False


class Previews:
    """The previews of all jobs in hand. `show` and `take_back` reach those who look."""

    def __init__(
        self,
        *,
        screen: Screen,
        show: Callable[[Sketch, ReleasedPreview], object],
        take_back: Callable[[RenderJob], object],
        clock: Callable[[], float],
    ) -> None:
        self._screen = screen
        self._show = show
        self._take_back = take_back
        self._clock = clock
        self._sittings: dict[tuple[str, int], _Sitting] = {}
        self._news = threading.Condition()
        self._rests_until = -float("inf")
        self._is_closed = False
        self._thread = threading.Thread(target=self._run, name="previews", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def close(self) -> None:
        """Show nothing more; a check in flight is not waited for."""
        with self._news:
            self._is_closed = True
            self._news.notify()

    def begin(self, job: RenderJob) -> None:
        """Let sketches of a job be shown from now on."""
        with self._news:
            self._sittings[_key(job)] = _Sitting()

    def offer(self, sketch: Sketch) -> None:
        """Leave a sketch, in place of an older one of its job that nobody has looked at yet."""
        with self._news:
            sitting = self._sittings.get(_key(sketch.job))
            if sitting is not None:
                sitting.newest = sketch
                self._news.notify()

    def end(self, job: RenderJob) -> None:
        """Take back what is shown of a job, and show nothing of it any more."""
        with self._news:
            sitting = self._sittings.pop(_key(job), None)
        if sitting is not None:
            self._hide(job, sitting)

    def _run(self) -> None:
        while (work := self._next()) is not None:
            sitting, sketch = work
            try:
                self._bring(sitting, sketch)
            except Exception as error:  # noqa: BLE001 - the edge of the thread: a job goes without
                _log.warning("preview_broke", reason=type(error).__name__)
                self._hide(sketch.job, sitting)

    def _next(self) -> tuple[_Sitting, Sketch] | None:
        """Wait for a sketch, that of the job that was looked at longest ago; None at the end."""
        with self._news:
            while not self._is_closed:
                for key, sitting in self._sittings.items():
                    sketch, sitting.newest = sitting.newest, None
                    if sketch is not None:
                        self._sittings[key] = self._sittings.pop(key)
                        return sitting, sketch
                self._news.wait()
        return None

    def _bring(self, sitting: _Sitting, sketch: Sketch) -> None:
        if self._clock() < self._rests_until or sitting.is_over:
            return
        job = sketch.job
        try:
            preview = self._screen.release_preview(
                sketch.draw(),
                clearances=frozenset(job.clearances),
                papers=papers_of(job, None, count=0, ingredient=None),
                words=words_of(job),
                policy=policy_of(job),
            )
        except Held as held:
            if held.finding.category == CHECK_FAILED:
                self._rests_until = self._clock() + REST_S
            _log.info("preview_held", job_id=job.job_id, rule=held.finding.rule)
            self._hide(job, sitting)
            return
        with sitting.telling:
            if not sitting.is_over:
                # An answer that gets lost may have been heard all the same.
                sitting.is_shown = True
                self._show(sketch, preview)

    def _hide(self, job: RenderJob, sitting: _Sitting) -> None:
        """Take back what is shown of a job; nothing of it is shown from now on."""
        with sitting.telling:
            sitting.is_over = True
            if sitting.is_shown:
                sitting.is_shown = False
                self._take_back(job)


def _key(job: RenderJob) -> tuple[str, int]:
    return job.job_id, job.attempt
